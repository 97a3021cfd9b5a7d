/**
 * `@sallyport/server/testing`: what tests of a server need. A client without a transport, a clock, somebody who calls, and an
 * issuer of tokens. Apart from the root entry: nothing that serves needs it.
 */

export {
  connectInMemory,
  PeerError,
  type AnswerQuestion,
  type InMemoryClient,
  type InMemoryOptions,
  type Notice,
  type RequestOptions,
} from './kit/client.ts';
export { fakeClock, type FakeClock } from './kit/clock.ts';
export { fakeIssuer, type FakeIssuer, type FakeIssuerOptions, type TokenFacts } from './kit/issuer.ts';
export { fakePrincipal } from './kit/principal.ts';
