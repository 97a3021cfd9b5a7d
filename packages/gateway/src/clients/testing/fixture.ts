/**
 * Files of the clients as their documentation or code has them (docs/CLIENTS.md names it), each with what an import makes of it.
 * The text is the same on all three systems; where it stands is not.
 */

export interface Fixture {
  readonly client: string;
  readonly scope: 'user' | 'project';
  /** By platform; the home is `/home/me`, `/Users/me`, `C:\Users\me`, the project `work` in it. */
  readonly paths: { readonly linux: string; readonly darwin: string; readonly win32: string };
  readonly text: string;
  /** `servers.NAME` as they are written into the configuration; `{project}` is the project's folder. */
  readonly servers: Readonly<Record<string, unknown>>;
  /** `NAME.key`. */
  readonly dropped?: readonly string[];
  /** Names that are left out. */
  readonly left?: readonly string[];
}

export const home = (path: string): Fixture['paths'] => ({
  linux: `/home/me/${path}`,
  darwin: `/Users/me/${path}`,
  win32: `C:\\Users\\me\\${path.replaceAll('/', '\\')}`,
});
export const support = (path: string): Fixture['paths'] => ({
  linux: `/home/me/.config/${path}`,
  darwin: `/Users/me/Library/Application Support/${path}`,
  win32: `C:\\Users\\me\\AppData\\Roaming\\${path.replaceAll('/', '\\')}`,
});
export const project = (path: string): Fixture['paths'] => home(`work/${path}`);
