// Numbers that look random and are the same in Python: hash_numbers in recovery_camera.py.

/**
 * MurmurHash3's finaliser: a whole number spread over 0 … 2³² − 1.
 * @param {number} number
 * @param {number} seed
 */
export function hashNumber(number, seed) {
  let mixed = (number + seed * 0x9e3779b9) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
