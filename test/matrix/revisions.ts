/**
 * The rows and columns of the era matrix, and the cells that cannot be (docs/PROTOCOL.md, "Between eras"). Written anew
 * here, not taken from the gateway: what is tested shall not say what is right.
 */

/** Oldest first. */
export const REVISIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof REVISIONS)[number];

export const FEATURES = [
  'call',
  'list',
  'progress',
  'log',
  'sampling',
  'elicitation',
  'roots',
  'subscription',
  'cancellation',
] as const;
export type Feature = (typeof FEATURES)[number];

export function isStateless(revision: Revision): revision is '2026-07-28' {
  return revision === '2026-07-28';
}

export function knowsElicitation(revision: Revision): boolean {
  return revision >= '2025-06-18';
}

/** From here on an elicitation may say its mode, and content of sampling may be a list. */
export function knowsModesAndLists(revision: Revision): boolean {
  return revision >= '2025-11-25';
}

/** What two sides have in common: the older one's words. */
export function olderOf(one: Revision, other: Revision): Revision {
  return one < other ? one : other;
}

/** The revision header of HTTP came with 2025-06-18. */
export function sendsVersionHeader(revision: Revision): boolean {
  return revision >= '2025-06-18';
}

export interface Pair {
  readonly client: Revision;
  readonly server: Revision;
}

export interface Cell extends Pair {
  readonly feature: Feature;
}

export const PAIRS: readonly Pair[] = REVISIONS.flatMap((client) => REVISIONS.map((server) => ({ client, server })));

/** Why a cell cannot be; undefined for one that must be there. */
export function exclusion({ client, server, feature }: Cell): string | undefined {
  if (feature !== 'elicitation') return undefined;
  const older = [
    ...(knowsElicitation(client) ? [] : [`client ${client}`]),
    ...(knowsElicitation(server) ? [] : [`server ${server}`]),
  ];
  return older.length === 0 ? undefined : `elicitation came with 2025-06-18; older: ${older.join(', ')}`;
}

/** What is no column at all, and why. */
export const OUTSIDE: Readonly<Record<string, string>> = {
  'structured output': 'came with 2025-06-18; where both sides know it, it passes with the result unchanged',
  'URL elicitation': 'came with 2025-11-25; never asked of a client that did not declare it',
  'core tasks of 2025-11-25': 'another thing than the tasks extension of 2026-07-28; they pass within their revision',
  batches: 'exist in 2025-03-26 alone; they have a row of their own',
};

/** What a tester sees of a cell, in every message about it. */
export function nameOf({ client, server, feature }: Cell): string {
  return `client ${client} × server ${server} × ${feature}`;
}
