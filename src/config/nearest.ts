// Suggestions for mistyped names.

/**
 * The candidate that was probably meant, if any. Case, dots, dashes and underscores do not count, and
 * the beginning or the end of a name is enough: `--bind` and `--apiBind` both mean `--api.bind`.
 */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const wanted = plain(name);
  const maxDistance = Math.max(1, Math.floor(wanted.length / 3));
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: distanceTo(wanted, plain(candidate)) }))
    .filter(({ distance }) => distance <= maxDistance)
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

function plain(name: string): string {
  // The beginning that all variables share would make any two of them look alike.
  return name
    .toLowerCase()
    .replace(/^midge_/, '')
    .replaceAll(/[^a-z0-9]/g, '');
}

function distanceTo(wanted: string, candidate: string): number {
  const isPart = candidate.startsWith(wanted) || candidate.endsWith(wanted);
  const isShortened = isPart && wanted.length > 2 && candidate !== wanted;
  return isShortened ? 1 : editDistance(wanted, candidate);
}

/** Least number of letters to insert, delete, replace, or swap with their neighbour. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = from[row - 1] === to[column - 1] ? 0 : 1;
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + replaced,
        isSwap ? at(beforeLast, column - 2) + 1 : Infinity,
      );
    }
    [beforeLast, last] = [last, current];
  }
  return at(last, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
