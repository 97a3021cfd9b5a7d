/**
 * The limits that hold when nothing is configured. Sizes are bytes, durations milliseconds.
 * Only numbers stand here; who enforces one names it.
 */
const KiB = 1024;
const MiB = 1024 * KiB;
/** Body of one incoming request. */
export const MAX_BODY_BYTES = 4 * MiB;
/** All header lines of one incoming HTTP request. */
export const MAX_HEADER_BYTES = 16 * KiB;
/** Nesting of objects and arrays in a message. */
export const MAX_JSON_DEPTH = 64;
/** Members and elements of one incoming message, all levels together: what a parser may be made to allocate. */
export const MAX_JSON_MEMBERS = 200000;
/** Messages in a batch (2025-03-26 only). */
export const MAX_BATCH = 50;
/** One message, SSE event or stdio line from an upstream. */
export const MAX_UPSTREAM_BYTES = 16 * MiB;
/** A JSON-RPC id that is a string. */
export const MAX_ID_LENGTH = 256;
/** A method name. */
export const MAX_METHOD_LENGTH = 256;
