/**
 * Puts fields and content on the wire that the SDK would strip or refuse, so that tests can see whether they
 * survive a gateway. Works on outgoing messages only and touches nothing but the tool `unknown_content`.
 */
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/server';

export const RAW_TOOL = 'unknown_content';

/** Marks the result that {@link sendUnknowns} completes; removed before it is sent. */
export const RAW_MARK = 'everything/raw';

/** What only a later revision would know, in a tool definition. */
export const UNKNOWN_DEFINITION: Readonly<Record<string, unknown>> = {
  unknownField: { nested: [1, 'two', null] },
  annotations: { readOnlyHint: true, unknownHint: 'kept' },
};

/** What only a later revision would know, in a result. */
export const UNKNOWN_RESULT: Readonly<Record<string, unknown>> = {
  content: [
    { type: 'hologram', depth: 3, unknownField: true },
    { type: 'text', text: 'known', unknownField: { kept: 'yes' } },
  ],
  unknownField: { nested: [1, 'two', null] },
};

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

function completed(result: Fields): Fields {
  const meta = result['_meta'];
  if (isFields(meta) && RAW_MARK in meta) {
    const { [RAW_MARK]: _mark, ...rest } = meta;
    return { ...result, ...UNKNOWN_RESULT, _meta: { ...rest, 'everything/unknown': 'kept' } };
  }
  const tools = result['tools'];
  if (!Array.isArray(tools)) return result;
  return {
    ...result,
    tools: tools.map((tool: unknown) =>
      isFields(tool) && tool['name'] === RAW_TOOL ? { ...tool, ...UNKNOWN_DEFINITION } : tool,
    ),
  };
}

/** Replaces `transport.send` with one that adds the unknown fields to the results concerned. */
export function sendUnknowns(transport: Transport): void {
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    if (!('result' in message) || !isFields(message.result)) return send(message, options);
    // The SDK's own type has no room for what it does not know, which is the point here.
    const altered = { ...message, result: completed(message.result) } as JSONRPCMessage;
    return send(altered, options);
  };
}
