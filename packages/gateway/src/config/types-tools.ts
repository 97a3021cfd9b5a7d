/** `tools` of the configuration: programs over the tools of the servers that are tools themselves. */

import type { JsonObject } from '@sallyport/wire';

/** The server that such tools belong to: `sallyport__name` is the canonical id of one. */
export const OWN_SERVER = 'sallyport';

export type ToolConfig = {
  readonly title?: string;
  readonly description: string;
  /** JSON Schemas of objects, literal. */
  readonly inputSchema: JsonObject;
  /** Of what the program returns; absent: it returns what it likes. */
  readonly outputSchema?: JsonObject;
  /** What it says of itself (MCP, `ToolAnnotations`). */
  readonly annotations?: { readonly [hint: string]: boolean };
  /** JavaScript, as `run_code` takes it. */
  readonly code: string;
  /** In which no person is waited for. */
  readonly timeoutMs: number;
};
