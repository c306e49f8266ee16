export default courseFigure({
  name: "toy_figure",
  traits: ["row", "column"],
  label: "A grid of 4 by 4 squares. Arrow keys move the square.",
  numbers: ({ row, column }) => ({ position: [row, column], sum: row + column }),
  says: ({ row, column }, { sum }) => `Row ${row} and column ${column} make ${sum}.`,
  settle: ({ row, column }) => ({ row: clamp(row, 0, 3), column: clamp(column, 0, 3) }),
  move: ({ row, column }, dRow, dColumn) => ({ row: row + dRow, column: column + dColumn }),

  build({ stage, drag }) {
    const grid = table(4, 4, 40);
    drag(grid.svg, (y, x) => ({ row: Math.floor(4 * y), column: Math.floor(4 * x) }));
    stage.append(grid.svg);
    return ({ row, column }) => {
      for (let i = 0; i < 16; i++) grid.put(Math.floor(i / 4), i % 4, `${Math.floor(i / 4) + (i % 4)}`);
      grid.outline(row, column, 1, 1);
    };
  },
});
