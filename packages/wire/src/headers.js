/**
 * The headers of 2026-07-28 that mirror a request's body: `Mcp-Method`, `Mcp-Name` and `Mcp-Param-*`
 * (transports, "Standard request headers" and "Custom headers from tool parameters").
 * Values that are not plain header text travel in a Base64 sentinel. Here they are made, read and compared.
 */
import { wireError } from './errors.ts';
import { isObject } from './json.ts';
import { MAX_JSON_DEPTH } from './limits.ts';
export const PARAM_HEADER_PREFIX = 'mcp-param-';
const SENTINEL_START = '=?base64?';
const SENTINEL_END = '?=';
/** Visible ASCII, with spaces and tabs only inside. */
const PLAIN_VALUE = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const DECIMAL = /^-?\d+(?:\.\d+)?$/;
/** Which parameter `Mcp-Name` mirrors, by method. */
const NAME_SOURCE = new Map([
    ['tools/call', 'name'],
    ['prompts/get', 'name'],
    ['resources/read', 'uri'],
    ['tasks/get', 'taskId'],
    ['tasks/update', 'taskId'],
    ['tasks/cancel', 'taskId'],
]);
/**
 * A value as header text: as it is when that is safe and unambiguous, else in the sentinel. A lone surrogate has no
 * UTF-8 and becomes U+FFFD, so such a value never agrees with a body.
 */
export function encodeHeaderValue(value) {
    if (PLAIN_VALUE.test(value) && !value.startsWith(SENTINEL_START))
        return value;
    return SENTINEL_START + Buffer.from(value, 'utf8').toString('base64') + SENTINEL_END;
}
/**
 * The text behind a header value; undefined when a sentinel does not hold canonical Base64 (RFC 4648 §3.5: padded, no
 * stray bits) of valid UTF-8. White space around the value is left off.
 */
export function decodeHeaderValue(value) {
    const trimmed = withoutSpaceAround(value);
    if (!trimmed.startsWith(SENTINEL_START) || !trimmed.endsWith(SENTINEL_END))
        return trimmed;
    if (trimmed.length < SENTINEL_START.length + SENTINEL_END.length)
        return undefined;
    const payload = trimmed.slice(SENTINEL_START.length, -SENTINEL_END.length);
    const bytes = Buffer.from(payload, 'base64');
    if (bytes.toString('base64') !== payload)
        return undefined;
    const text = bytes.toString('utf8');
    return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}
/** Without spaces and tabs at its ends (RFC 9110 §5.5). A loop, because a pattern would be quadratic in long runs. */
function withoutSpaceAround(value) {
    let start = 0;
    let end = value.length;
    while (start < end && isHeaderSpace(value.charCodeAt(start)))
        start++;
    while (end > start && isHeaderSpace(value.charCodeAt(end - 1)))
        end--;
    return start === 0 && end === value.length ? value : value.slice(start, end);
}
function isHeaderSpace(code) {
    return code === 0x20 || code === 0x09;
}
/** The text that `Mcp-Name` must carry for a request, or undefined when it has none. */
export function nameOf(method, params) {
    const source = NAME_SOURCE.get(method);
    const value = source === undefined ? undefined : params?.[source];
    return typeof value === 'string' ? value : undefined;
}
/**
 * The headers that a stateless request must carry besides its content type. The method goes into the sentinel like a
 * name: it may come from a body, and a line break in it must not start another header.
 */
export function standardHeaders(revision, method, name) {
    const headers = { 'mcp-protocol-version': revision, 'mcp-method': encodeHeaderValue(method) };
    if (name !== undefined)
        headers['mcp-name'] = encodeHeaderValue(name);
    return headers;
}
/** The one value of a header, without white space around it; undefined when it is absent or was sent more than once. */
export function singleHeader(headers, name) {
    const value = headers[name];
    if (typeof value === 'string')
        return withoutSpaceAround(value);
    return value?.length === 1 ? withoutSpaceAround(value[0]) : undefined;
}
/**
 * Compares the standard headers of a stateless request with its body. Undefined when they agree. `Mcp-Name` says
 * nothing, and is not looked at, on a method that has no name.
 */
export function checkStandardHeaders(headers, message) {
    const method = singleHeader(headers, 'mcp-method');
    if (method === undefined)
        return mismatch('Mcp-Method', 'is missing or was sent twice');
    if (method !== message.method)
        return mismatch('Mcp-Method', 'does not name the method of the body');
    if (!NAME_SOURCE.has(message.method))
        return undefined;
    const name = nameOf(message.method, message.params);
    if (headers['mcp-name'] === undefined && name === undefined)
        return undefined;
    const header = singleHeader(headers, 'mcp-name');
    if (header === undefined)
        return mismatch('Mcp-Name', 'is missing or was sent twice');
    const decoded = decodeHeaderValue(header);
    if (decoded === undefined)
        return mismatch('Mcp-Name', 'is not valid Base64 of UTF-8');
    return name !== undefined && decoded !== name ? mismatch('Mcp-Name', 'does not name what the body names') : undefined;
}
function mismatch(header, problem) {
    return wireError('header_mismatch', `The ${header} header ${problem}.`, { header });
}
/**
 * Reads the `x-mcp-header` declarations of a tool's input schema. They may stand only on string, integer and boolean
 * properties reached through `properties` alone; a tool with any other declaration is invalid and must not be offered.
 */
export function paramHeaders(inputSchema) {
    const declarations = [];
    const reason = collect(inputSchema, [], declarations, MAX_JSON_DEPTH);
    if (reason !== undefined)
        return { valid: false, reason };
    const names = new Set(declarations.map((declaration) => declaration.header));
    if (names.size !== declarations.length)
        return { valid: false, reason: 'two parameters name the same header' };
    return { valid: true, declarations };
}
/** Keywords whose value is data, not a schema: what looks like a declaration in there is none. */
const DATA_KEYWORDS = new Set(['default', 'const', 'enum', 'examples', 'x-mcp-header']);
/** Keywords whose value is a map from names to schemas: a name in there is not a keyword. */
const MAP_KEYWORDS = new Set([
    'properties',
    'patternProperties',
    'dependentSchemas',
    '$defs',
    'definitions',
]);
/**
 * Walks a schema, or a list of them, into everything that may hold schemas, unknown keywords included. `path` is
 * undefined where something else than `properties` has led. Answers what is wrong with the first bad declaration.
 */
function collect(schema, path, into, levels) {
    if (typeof schema !== 'object' || schema === null)
        return undefined;
    if (levels === 0)
        return `the schema nests deeper than ${MAX_JSON_DEPTH} levels`;
    if (Array.isArray(schema))
        return firstProblem(schema, (entry) => collect(entry, undefined, into, levels - 1));
    const problem = declare(schema, path, into);
    if (problem !== undefined)
        return problem;
    return firstProblem(Object.entries(schema), ([keyword, child]) => {
        if (DATA_KEYWORDS.has(keyword))
            return undefined;
        if (!MAP_KEYWORDS.has(keyword) || !isObject(child))
            return collect(child, undefined, into, levels - 1);
        return firstProblem(Object.entries(child), ([name, property]) => collect(property, keyword === 'properties' ? path && [...path, name] : undefined, into, levels - 1));
    });
}
function firstProblem(entries, check) {
    for (const entry of entries) {
        const problem = check(entry);
        if (problem !== undefined)
            return problem;
    }
    return undefined;
}
function declare(schema, path, into) {
    const name = schema['x-mcp-header'];
    if (name === undefined)
        return undefined;
    if (path === undefined)
        return 'x-mcp-header stands where no chain of properties leads';
    const problem = declarationProblem(schema, name, path);
    if (problem !== undefined)
        return problem;
    into.push({
        path,
        header: PARAM_HEADER_PREFIX + name.toLowerCase(),
        type: schema['type'],
    });
    return undefined;
}
function declarationProblem(schema, name, path) {
    if (path.length === 0)
        return 'x-mcp-header stands on the schema itself';
    const where = path.join('.');
    if (typeof name !== 'string' || !TOKEN.test(name))
        return `the x-mcp-header of ${where} is not a header token`;
    const type = schema['type'];
    if (type === 'string' || type === 'integer' || type === 'boolean')
        return undefined;
    return `x-mcp-header of ${where} needs the type string, integer or boolean`;
}
/** The `Mcp-Param-*` headers of a call. Absent, null and numbers that a double cannot hold are left out. */
export function mirrorParams(declarations, args) {
    const headers = {};
    for (const declaration of declarations) {
        const text = primitiveText(valueAt(args, declaration.path));
        if (text !== undefined)
            headers[declaration.header] = encodeHeaderValue(text);
    }
    return headers;
}
/** Compares the recognised `Mcp-Param-*` headers of a call with its arguments. Undefined when they agree. */
export function checkParamHeaders(declarations, args, headers) {
    for (const { path, header, type } of declarations) {
        const value = valueAt(args, path);
        const text = primitiveText(value);
        if (text === undefined)
            continue;
        const raw = singleHeader(headers, header);
        if (raw === undefined)
            return mismatch(header, 'is missing');
        const decoded = decodeHeaderValue(raw);
        if (decoded === undefined)
            return mismatch(header, 'is not valid Base64 of UTF-8');
        const numeric = type === 'integer' && typeof value === 'number' && DECIMAL.test(decoded);
        if (numeric ? Number(decoded) !== value : decoded !== text)
            return mismatch(header, 'does not match the argument');
    }
    return undefined;
}
function valueAt(root, path) {
    let value = root;
    for (const key of path)
        value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    return value;
}
function primitiveText(value) {
    switch (typeof value) {
        case 'string':
            return value;
        case 'boolean':
            return String(value);
        case 'number':
            return isPlainNumber(value) ? String(value) : undefined;
        default:
            return undefined;
    }
}
/** False for what a double cannot hold: integers past 2^53 and literals like 1e400, which parse to infinity. */
function isPlainNumber(value) {
    return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
}
