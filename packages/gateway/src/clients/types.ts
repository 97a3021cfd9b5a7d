/**
 * What Sallyport knows of an AI client: where its files of MCP servers are, how servers are written in them, and how it would
 * write Sallyport itself. Types alone; the clients are in `table.ts`, their ways of writing in `dialects.ts`.
 */

/** The machine whose clients are meant. A test makes its own. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  /** The folder whose project files are meant; absolute. */
  readonly project: string;
  /** Where clients may be told of another folder (`CODEX_HOME`). */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Scope = 'user' | 'project';
export type Entry = Readonly<Record<string, unknown>>;

/** A file in which a client looks for servers. */
export interface Place {
  readonly scope: Scope;
  /** Absolute. */
  readonly path: string;
  readonly format: 'json' | 'yaml' | 'toml';
  /** Where the servers stand in it: keys from the outside in. Empty: the file itself is the map. */
  readonly root: readonly string[];
  readonly dialect: Dialect;
  /** Lists of names of servers that are off, and of those that alone are on. */
  readonly off?: readonly NameList[];
  readonly only?: NameList;
  /** Of a file that is made. Default: nothing but the servers. */
  readonly seed?: string;
}

/** Where a list of names stands: in which file, and under which keys. */
export interface NameList {
  readonly path: string;
  readonly keys: readonly string[];
}

/** A piece of a text of a client, left to right. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: string; readonly fallback?: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'input'; readonly id: string }
  | { readonly kind: 'root' | 'home' | 'separator' }
  /** What only the client itself can fill in. */
  | { readonly kind: 'own'; readonly raw: string };

/** How a client writes variables: what in a text is none is literal. */
export type Variables = (text: string) => readonly Piece[];

/** Sallyport as a client reaches it. */
export interface Endpoint {
  readonly url: string;
  /** Value of `Authorization`: a key, or the client's own reference to a variable. Undefined: none is needed. */
  readonly authorization: string | undefined;
}

export interface Dialect {
  readonly variables: Variables;
  /** `list`: entries with a `name`; else a map by name. */
  readonly layout: 'map' | 'list';
  /** Unit of a plain `timeout`. Absent: the client has no such key. */
  readonly timeoutUnit?: 's' | 'ms';
  /** The entry in keys that are common to most clients. Undefined: it is no server of its own (an extension, say). */
  readonly read?: (entry: Entry, name: string) => Entry | undefined;
  /** Absent: the client speaks stdio alone. */
  readonly http?: (endpoint: Endpoint) => Entry;
  readonly stdio: (command: string, args: readonly string[]) => Entry;
  /** `Authorization` out of the variable, as the client writes it. Absent: its files know no variables. */
  readonly bearerOf?: (variable: string) => string;
}

export interface AiClient {
  readonly id: string;
  readonly title: string;
  readonly aliases: readonly string[];
  /** Programs on PATH by which it is known to be there. */
  readonly programs: readonly string[];
  /** Its files, the first of each scope being the one that is made when there is none. */
  readonly places: (machine: Machine) => readonly Place[];
  /** What the person has to do before a change counts. */
  readonly after: string;
}
