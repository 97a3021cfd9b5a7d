/** A protection that is taken out to see whether the tests notice. */

export interface Removal {
  /** What it is that protects. */
  readonly protection: string;
  /** Relative to the root of the repository. */
  readonly file: string;
  /** Stands in the file once. */
  readonly find: string;
  readonly replace: string;
  /** The file of tests that fails without it. */
  readonly tests: string;
}

export const client = (path: string): string => `packages/client/src/${path}`;
export const host = (path: string): string => `packages/host/src/${path}`;
export const server = (path: string): string => `packages/server/src/${path}`;
export const wire = (path: string): string => `packages/wire/src/${path}`;
export const gateway = (path: string): string => `packages/gateway/src/${path}`;
