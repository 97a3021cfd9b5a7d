/** How the reference gateways are told what to stand in front of: a JSON file with a list of these. */

import { readFileSync } from 'node:fs';

export type UpstreamAddress =
  | { readonly name: string; readonly url: string }
  | { readonly name: string; readonly command: string; readonly args: string[] };

export function readUpstreams(file: string): UpstreamAddress[] {
  return JSON.parse(readFileSync(file, 'utf8')) as UpstreamAddress[];
}

/** Server and tool of a shown name `server__tool`. */
export function splitName(shown: string): { readonly server: string; readonly tool: string } {
  const at = shown.indexOf('__');
  return { server: shown.slice(0, at), tool: shown.slice(at + 2) };
}
