/** What a client's `Accept` header allows an MCP endpoint to answer with (RFC 9110 §12.5.1). */

export interface Accepts {
  readonly json: boolean;
  readonly stream: boolean;
}

const BOTH: Accepts = { json: true, stream: true };
/** What clients send that follow the specification to the letter. */
const USUAL = 'application/json, text/event-stream';

const JSON_RANGES: ReadonlySet<string> = new Set(['*/*', 'application/*', 'application/json']);
const STREAM_RANGES: ReadonlySet<string> = new Set(['*/*', 'text/*', 'text/event-stream']);
/** A weight of zero: not acceptable. */
const REFUSED = /;[ \t]*q=0(?:\.0*)?[ \t]*(?:;|$)/;

/** A client that sends no header accepts all. */
export function readAccept(accept: string | undefined): Accepts {
  if (accept === USUAL || accept === undefined || accept === '') return BOTH;
  let json = false;
  let stream = false;
  for (const entry of accept.toLowerCase().split(',')) {
    const range = (entry.split(';', 1)[0] as string).trim();
    if (REFUSED.test(entry)) continue;
    json ||= JSON_RANGES.has(range);
    stream ||= STREAM_RANGES.has(range);
  }
  return { json, stream };
}
