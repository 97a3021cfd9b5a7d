/**
 * Builds the value of a configuration file together with the place of each part. The three readers feed it; it refuses what
 * none of them may let through: duplicate keys, `__proto__`, too many values, too deep nesting.
 */
import type { Position } from './types.ts';

export type Path = ReadonlyArray<string | number>;

/** Something wrong with the text itself, or with where a key stands. */
export type SourceProblem = { readonly position?: Position; readonly path: Path; readonly message: string };

export type Source = {
  /** Plain objects, arrays and scalars; undefined when the text cannot be read. */
  readonly value: unknown;
  /** By `pathKey`: where the key of a value stands (or the value, in a list), in the order of the file. */
  readonly positions: ReadonlyMap<string, Place>;
  readonly problems: readonly SourceProblem[];
};

export type Place = { readonly path: Path; readonly position: Position };

/** Levels of objects and lists; the deepest key of the schema stands at 8. */
export const maxDepth = 64;
/** Values in one file, expanded aliases counted. */
export const maxValues = 50_000;

/** Thrown inside the readers to leave a hopeless text at once; never leaves `source-*.ts`. */
export class SourceLimit extends Error {
  override readonly name = 'SourceLimit';
  readonly problem: SourceProblem;

  constructor(problem: SourceProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

export type Tree = {
  /** Records a value at its path; throws SourceLimit when there are too many or they are too deep. */
  place(path: Path, position: Position): void;
  /** Puts a member into an object, unless the key may not be there; gives false for a key that is left out. */
  member(target: Record<string, unknown>, key: string, path: Path, position: Position): boolean;
  problem(problem: SourceProblem): void;
  finish(value: unknown): Source;
};

export function createTree(): Tree {
  const positions = new Map<string, Place>();
  const problems: SourceProblem[] = [];
  let values = 0;
  return {
    place(path, position) {
      values += 1;
      if (values > maxValues) throw new SourceLimit({ position, path: [], message: `more than ${maxValues} values` });
      if (path.length > maxDepth) throw new SourceLimit(tooDeep(position));
      positions.set(JSON.stringify(path), { path, position });
    },
    member(target, key, path, position) {
      if (key === '__proto__') {
        problems.push({ position, path, message: 'this key is never allowed' });
        return false;
      }
      if (Object.hasOwn(target, key)) {
        problems.push({ position, path, message: 'this key is there twice' });
        return false;
      }
      return true;
    },
    problem(problem) {
      problems.push(problem);
    },
    finish(value) {
      return { value, positions, problems };
    },
  };
}

/** Runs a reader; a limit it hits is the only problem that is told. */
export function bounded(read: () => Source): Source {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SourceLimit)) throw error;
    return { value: undefined, positions: new Map(), problems: [error.problem] };
  }
}

export function tooDeep(position?: Position): SourceProblem {
  return { ...(position !== undefined && { position }), path: [], message: `nested deeper than ${maxDepth} levels` };
}

/** Turns offsets into lines and columns, both from 1. */
export function positionsOf(text: string): (offset: number) => Position {
  const starts = [0];
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) starts.push(index + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}
