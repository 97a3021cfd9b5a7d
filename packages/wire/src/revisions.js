/**
 * The protocol revisions and the two eras they form.
 * Session era: `initialize`, a session, server-initiated requests. Stateless era: each request carries its own
 * envelope in `_meta` (2026-07-28, "Base protocol" and "Versioning").
 */
/** Oldest first. */
export const SESSION_REVISIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];
export const STATELESS_REVISIONS = ['2026-07-28'];
export const LATEST_SESSION = '2025-11-25';
export const LATEST_STATELESS = '2026-07-28';
/** What a session-era HTTP request without `MCP-Protocol-Version` speaks (2025-06-18, transports, protocol version header). */
export const UNSTATED_REVISION = '2025-03-26';
/** The only revision in which a body may be an array. */
export const BATCH_REVISION = '2025-03-26';
/** Reserved `_meta` keys of the stateless era. */
export const META_PREFIX = 'io.modelcontextprotocol/';
export const META_PROTOCOL_VERSION = 'io.modelcontextprotocol/protocolVersion';
export const META_CLIENT_INFO = 'io.modelcontextprotocol/clientInfo';
export const META_CLIENT_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
export const META_LOG_LEVEL = 'io.modelcontextprotocol/logLevel';
export const META_SERVER_INFO = 'io.modelcontextprotocol/serverInfo';
export const META_SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';
export function isSessionRevision(value) {
    return SESSION_REVISIONS.includes(value);
}
export function isStatelessRevision(value) {
    return STATELESS_REVISIONS.includes(value);
}
export function eraOf(revision) {
    return isStatelessRevision(revision) ? 'stateless' : 'session';
}
/** What a session-era server answers to `initialize`: the asked revision if it is known, else the latest. */
export function negotiateSession(requested) {
    return isSessionRevision(requested) ? requested : LATEST_SESSION;
}
/** True when `revision` is `floor` or a later one. Revisions are dates, so their order is that of the text. */
export function atLeast(revision, floor) {
    return revision >= floor;
}
