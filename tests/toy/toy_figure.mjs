import { courseFigure } from "./base.mjs";
import { numberTable } from "./drawing.mjs";

/** @typedef {{row: number, column: number}} State */
/** @typedef {{position: number[], sum: number}} Numbers */

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "toy_figure",
  traits: ["row", "column"],
  limits: { row: [0, 3], column: [0, 3] },
  label: "A grid of 4 by 4 squares. Arrow keys move the square.",
  numbers: ({ row, column }) => ({ position: [row, column], sum: row + column }),
  summary: ({ row, column }, { sum }) => `Row ${row} and column ${column} make ${sum}.`,
  move: ({ row, column }, dRow, dColumn) => ({ row: row + dRow, column: column + dColumn }),

  build(view) {
    const grid = numberTable(4, 4, 40);
    view.draggable(grid.svg, (y, x) => ({ row: Math.floor(4 * y), column: Math.floor(4 * x) }));
    view.stage.append(grid.svg);
    return ({ row, column }) => {
      for (let i = 0; i < 4; i++) {
        for (let j = 0; j < 4; j++) grid.setCell(i, j, `${i + j}`);
      }
      grid.setOutline(row, column, 1, 1);
    };
  },
};

export default courseFigure(figure);
