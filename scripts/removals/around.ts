/** What stands around calls and what APIs are made of: interceptors, documents, programs that are tools. */
import { gateway, type Removal } from './removal.ts';

export const AROUND: readonly Removal[] = [
  {
    protection: 'an interceptor says no credential of the gateway to a caller',
    file: gateway('interceptors/calls.ts'),
    find: 'return message === undefined || holdsOwn(message) ? undefined : message;',
    replace: 'return holdsOwn === undefined ? undefined : message;',
    tests: gateway('interceptors/calls.test.ts'),
  },
  {
    protection: 'an interceptor puts no credential of the gateway into a result',
    file: gateway('interceptors/calls.ts'),
    find: "if (options.holdsOwn(JSON.stringify(value))) throw new Refused('refused', OWN_CREDENTIAL, { data: DATA });",
    replace: 'void OWN_CREDENTIAL;',
    tests: gateway('interceptors/calls.test.ts'),
  },
  {
    protection: 'arguments that no interceptor can read are sent to nobody',
    file: gateway('interceptors/calls.ts'),
    find: "if (given !== undefined && !isObject(given)) throw new Refused('invalid_params', NO_OBJECT);",
    replace: 'void NO_OBJECT;',
    tests: gateway('interceptors/calls.test.ts'),
  },
  {
    protection: 'an interceptor adds no tool to a list and lengthens no description',
    file: gateway('interceptors/lists.ts'),
    find: 'if (problem === undefined) keep(verdict.tools, shown, name);',
    replace: 'if (problem !== null) keep(verdict.tools, shown, name);',
    tests: gateway('interceptors/lists.test.ts'),
  },
  {
    protection: 'an argument in a path leads to no other path of an API',
    file: gateway('openapi/parameters.ts'),
    find: 'if (/[/\\\\]|\\p{Cc}/u.test(seen)) {',
    replace: 'if (seen === null) {',
    tests: gateway('openapi/any-document.test.ts'),
  },
  {
    protection: 'the members of an argument are no credential of a query',
    file: gateway('openapi/request.ts'),
    find: 'refuseSecret(query, secretNames.query);',
    replace: '',
    tests: gateway('openapi/tool.test.ts'),
  },
  {
    protection: 'the members of an argument are no credential in a cookie',
    file: gateway('openapi/request.ts'),
    find: 'refuseSecret(cookies, secretNames.cookie);',
    replace: '',
    tests: gateway('openapi/tool.test.ts'),
  },
  {
    protection: 'no header of a caller makes another method of a call',
    file: gateway('openapi/tool.ts'),
    find: 'x-http-method(?:-override)?|x-method-override|',
    replace: '',
    tests: gateway('openapi/tool.test.ts'),
  },
  {
    protection: 'a program that is a tool sees no other one of its kind',
    file: gateway('code/saved.ts'),
    find: 'const others = seen.filter(({ server }) => server !== target.server);',
    replace: 'const others = seen.filter(({ server }) => server !== null);',
    tests: gateway('wiring/saved-tools.test.ts'),
  },
];
