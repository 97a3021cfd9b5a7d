/** Logins at servers, and where what a server names may lead. */
import { client, gateway, type Removal } from './removal.ts';

export const LOGINS: readonly Removal[] = [
  {
    protection: 'P1-05 without PKCE by S256 there is no login',
    file: client('oauth/server-metadata.ts'),
    find: "if (server.code_challenge_methods_supported?.includes('S256') === true) return;",
    replace: "if (server.issuer !== '') return;",
    tests: client('oauth/discovery.test.ts'),
  },
  {
    protection: 'UPS-05 metadata are about the issuer that was asked for',
    file: client('oauth/server-metadata.ts'),
    find: "if (document['issuer'] !== issuer) {",
    replace: "if (document['issuer'] === undefined) {",
    tests: client('oauth/discovery.test.ts'),
  },
  {
    protection: 'UPS-05 metadata are about the resource that is used',
    file: client('oauth/resource-metadata.ts'),
    find: "if (typeof resource !== 'string' || !isAbout(resource, serverUrl, place)) {",
    replace: "if (typeof resource !== 'string') {",
    tests: client('oauth/discovery.test.ts'),
  },
  {
    protection: 'UPS-05 a configured secret is shown to the first server alone',
    file: client('oauth/claim.ts'),
    find: 'if (first?.issuer === issuer) return;',
    replace: 'if (first !== undefined) return;',
    tests: client('oauth/claim.test.ts'),
  },
  {
    protection: 'P1-11 what is asked for tokens is asked over TLS',
    file: client('oauth/requests.ts'),
    find: "if (url.protocol !== 'https:' && !isAllowed) return isOfLoopback ? NOT_BY_HTTP : 'it must begin with https://';",
    replace: '',
    tests: client('oauth/discovery.test.ts'),
  },
  {
    protection: 'P1-13 UPS-13 a token goes to the origin of its server alone',
    file: client('http/authorized.ts'),
    find: 'if (request.origin === this.#origin) this.#send(new Sending(this, request, exchange));\n    else this.#dispatcher.dispatch(request, exchange);',
    replace: 'this.#send(new Sending(this, request, exchange));',
    tests: client('http/authorized.test.ts'),
  },
  {
    protection: 'UPS-01 an address that a server names is public',
    file: client('egress/reach.ts'),
    find: 'return isPublic(address) ? undefined : `its address ${address} is not public`;',
    replace: 'return isPublic(address) ? undefined : undefined;',
    tests: client('egress/reach.test.ts'),
  },
  {
    protection: 'P4-04 a server with named hosts reaches those alone',
    file: gateway('egress/index.ts'),
    find: '          if (!list.allows(host, port)) {\n            throw',
    replace: '          if (host === "") {\n            throw',
    tests: gateway('egress/egress.test.ts'),
  },
];
