/** Joining: one client on stdio, served by a gateway that runs in another process. */
export { openProcessLink } from './in-process.ts';
export { openRelay, type Relay } from './relay.ts';
export { JoinError, openSocketLink } from './web-socket.ts';
