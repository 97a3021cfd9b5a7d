/** A value that is made again only when what it is made of has changed. */

/** The last value, as long as the inputs are the same one by one; else a new one is made and kept. */
export type Kept<T> = (inputs: readonly unknown[], make: () => T) => T;

export function kept<T>(): Kept<T> {
  let last: { readonly inputs: readonly unknown[]; readonly value: T } | undefined;
  return (inputs, make) => {
    if (last?.inputs.length !== inputs.length || !inputs.every((input, n) => input === last?.inputs[n])) {
      last = { inputs, value: make() };
    }
    return last.value;
  };
}
