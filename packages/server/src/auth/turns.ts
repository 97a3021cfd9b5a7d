/** So many pieces of work at a time; others wait in a line, in order, of which there is an end. */

export interface Turns {
  /** Begins the work when its turn comes. Undefined: the line is full, and it is never begun. */
  take<T>(work: () => Promise<T>): Promise<T> | undefined;
}

export function createTurns(atOnce: number, places: number): Turns {
  const line: (() => void)[] = [];
  let underWay = 0;
  const run = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } finally {
      const next = line.shift();
      // The turn is handed over, so nobody comes in between.
      if (next === undefined) underWay--;
      else next();
    }
  };
  return {
    take: (work) => {
      if (underWay < atOnce) {
        underWay++;
        return run(work);
      }
      if (line.length >= places) return undefined;
      const turn = new Promise<void>((resolve) => line.push(resolve));
      return turn.then(() => run(work));
    },
  };
}
