/** What is known of very many owners: bounded, and the newest stays. */

/** One for each server and owner: somebody may call with very many names. */
const MAX_KEPT = 10_000;

/** Keeps the newest. */
export function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_KEPT) for (const oldest of map.keys().take(1)) map.delete(oldest);
}
