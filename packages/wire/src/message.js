/**
 * The JSON-RPC 2.0 envelope as MCP uses it: types, hand-written guards, and reading one message from text.
 * It does not look into `params` or `result`, and unknown members are kept. Text in which an object has the same name
 * twice is refused (RFC 8259 §4, RFC 7493 §2.3): it is checked by one parser, forwarded as bytes and read by another,
 * and the two may choose different ones.
 */
import { wireError } from './errors.ts';
import { isObject } from './json.ts';
import { shapeOf } from './json-text.ts';
import { MAX_BATCH, MAX_ID_LENGTH, MAX_JSON_DEPTH, MAX_JSON_MEMBERS, MAX_METHOD_LENGTH } from './limits.ts';
export const MESSAGE_LIMITS = {
    depth: MAX_JSON_DEPTH,
    members: MAX_JSON_MEMBERS,
    batch: MAX_BATCH,
};
/** An id that can be echoed without loss: -0 would come back as 0. */
export function isRequestId(value) {
    if (typeof value === 'string')
        return value.length <= MAX_ID_LENGTH;
    return Number.isSafeInteger(value) && !Object.is(value, -0);
}
/** Reads one message from its text. Never throws: what cannot be read is `invalid` and says why. */
export function readMessage(text, limits = MESSAGE_LIMITS) {
    const shape = shapeOf(text, limits.depth, limits.members);
    if (shape.excess !== undefined)
        return invalid(wireError('parse', `The message has too many ${shape.excess}.`));
    let value;
    try {
        value = JSON.parse(text);
    }
    catch {
        return invalid(wireError('parse'));
    }
    if (countNames(value) !== shape.names) {
        return invalid(wireError('invalid_request', 'An object has the same name twice.'), idOf(value));
    }
    return classify(value, limits);
}
/** Member names of all objects in a value. Its depth is that of a message, so recursion is safe. */
function countNames(value) {
    if (typeof value !== 'object' || value === null)
        return 0;
    let count = 0;
    if (Array.isArray(value)) {
        for (const entry of value)
            count += countNames(entry);
        return count;
    }
    for (const name in value)
        count += 1 + countNames(value[name]);
    return count;
}
function idOf(value) {
    return isObject(value) && isRequestId(value['id']) ? value['id'] : undefined;
}
/**
 * Says what a parsed value is. A batch is only recognised here: its entries are classified one by one. A batch within
 * a batch is refused with the whole.
 */
export function classify(value, limits = MESSAGE_LIMITS) {
    if (Array.isArray(value))
        return classifyBatch(value, limits);
    if (!isObject(value))
        return invalid(wireError('invalid_request', 'A message must be an object.'));
    const id = idOf(value);
    if (value['jsonrpc'] !== '2.0')
        return invalid(wireError('invalid_request', '"jsonrpc" must be "2.0".'), id);
    return value['method'] === undefined ? classifyResponse(value, id) : classifyCall(value, id);
}
function classifyBatch(entries, limits) {
    if (entries.length === 0)
        return invalid(wireError('invalid_request', 'A batch must not be empty.'));
    if (entries.length > limits.batch) {
        return invalid(wireError('invalid_request', `A batch may hold ${limits.batch} messages at most.`));
    }
    if (entries.some(Array.isArray))
        return invalid(wireError('invalid_request', 'A batch must not hold a batch.'));
    return { kind: 'batch', entries };
}
function classifyCall(value, id) {
    const { method, params } = value;
    if (typeof method !== 'string' || method === '' || method.length > MAX_METHOD_LENGTH) {
        const rule = `"method" must be a string of 1 to ${MAX_METHOD_LENGTH} characters.`;
        return invalid(wireError('invalid_request', rule), id);
    }
    if (params !== undefined && !isObject(params)) {
        return invalid(wireError('invalid_request', '"params" must be an object.'), id);
    }
    if (value['result'] !== undefined || value['error'] !== undefined) {
        return invalid(wireError('invalid_request', 'A message is a call or a response, not both.'), id);
    }
    if (!('id' in value))
        return { kind: 'notification', message: value };
    if (id === undefined)
        return invalid(wireError('invalid_request', '"id" must be a string or a safe integer.'));
    return { kind: 'request', message: value };
}
function classifyResponse(value, id) {
    const { result, error } = value;
    if (isObject(result) && error === undefined && id !== undefined) {
        return { kind: 'response', message: value };
    }
    if (isErrorObject(error) && result === undefined && (id !== undefined || value['id'] == null)) {
        return { kind: 'response', message: withoutNullId(value) };
    }
    return invalid(wireError('invalid_request', 'Neither a request, a notification nor a response.'), id);
}
/** JSON-RPC 2.0 §5 writes an unknown id as null, MCP leaves it out. */
function withoutNullId(value) {
    if (value['id'] !== null)
        return value;
    const { id: _null, ...rest } = value;
    return rest;
}
export function isErrorObject(value) {
    return isObject(value) && Number.isSafeInteger(value['code']) && typeof value['message'] === 'string';
}
function invalid(error, id) {
    return id === undefined ? { kind: 'invalid', error } : { kind: 'invalid', error, id };
}
/** The response that carries `error`; the id is left out when it is unknown, never null. */
export function failure(error, id) {
    return id === undefined ? { jsonrpc: '2.0', error } : { jsonrpc: '2.0', id, error };
}
