/** What passes through, what a server does on the machine, and what proves it. */
import { gateway, host, server, wire, type Removal } from './removal.ts';

const content: readonly Removal[] = [
  {
    protection: 'a name that stands twice in a message is refused',
    file: wire('message.ts'),
    find: "return invalid(wireError('invalid_request', 'An object has the same name twice.'), idOf(value));",
    replace: '',
    tests: wire('message.test.ts'),
  },
  {
    protection: 'OUT-07 a text with line breaks stays one event',
    file: wire('sse.ts'),
    find: "data.split(/\\r\\n|\\r|\\n/).join('\\ndata: ')",
    replace: 'data',
    tests: wire('sse.test.ts'),
  },
  {
    protection: 'DOS-02 a body is read no further than its limit',
    file: server('http/body.ts'),
    find: 'if (gathered.length + chunk.length <= maxBytes) return gathered.add(chunk);',
    replace: 'if (maxBytes > 0) return gathered.add(chunk);',
    tests: server('http/listener.test.ts'),
  },
  {
    protection: 'INP-09 HTTP/2 is not offered',
    file: server('http/tls.ts'),
    find: "ALPNProtocols: ['http/1.1'],",
    replace: "ALPNProtocols: ['h2', 'http/1.1'],",
    tests: 'test/security/http2.test.ts',
  },
  {
    protection: 'OUT-11 references that lead on without an end end the check',
    file: wire('schema/run.ts'),
    find: "if (++this.#references > MAX_REFERENCES) throw new TooCostly('References of the schema lead on without an end.');",
    replace: '',
    tests: server('schema/compile.test.ts'),
  },
  {
    protection: 'a tool that needs a role does not exist for who lacks it',
    file: server('framework/visibility.ts'),
    find: "if (roles.length > 0 && !roles.some((role) => principal.roles.includes(role))) return 'hidden';",
    replace: '',
    tests: server('framework/visibility.test.ts'),
  },
  {
    protection: 'a waiting call is found by the request and the principal that it was given out for alone',
    file: server('framework/rounds.ts'),
    find: 'parked === undefined || parked.bound !== boundTo(exchange)',
    replace: 'parked === undefined',
    tests: server('framework/asking.test.ts'),
  },
  {
    protection: 'what a handler throws stays in the log',
    file: server('framework/answers.ts'),
    find: 'if (error instanceof ToolError) return',
    replace: 'if (error instanceof Error) return',
    tests: server('framework/tools.test.ts'),
  },
  {
    protection: 'P1-22 nothing leaves of a secret that two chunks share',
    file: gateway('guard/secrets/stream.ts'),
    find: 'while (this.#waitingBytes - (this.#waiting[0] as Buffer).length >= this.#held) {',
    replace: 'while (this.#waiting.length > 0) {',
    tests: gateway('guard/secrets/secrets.test.ts'),
  },
  {
    protection: 'AUT-11 a definition that changed is kept back in quarantine',
    file: gateway('pins/judging.ts'),
    find: "state: mode === 'quarantine' ? 'quarantined' : isNew ? 'new' : 'changed',",
    replace: "state: isNew || mode === 'off' ? 'new' : 'changed',",
    tests: gateway('pins.test.ts'),
  },
];

const servers: readonly Removal[] = [
  {
    protection: 'SBX-14 a level that is written is required',
    file: host('sandbox/plan.ts'),
    find: 'if (spec.level !== undefined) return planLevel(spec.level, spec, facts, survey);',
    replace: '',
    tests: host('sandbox/plan.test.ts'),
  },
  {
    protection: 'SBX-14 a plan that lacks a layer is not carried out',
    file: host('sandbox/prepare.ts'),
    find: 'if (plan.missing.length > 0) {',
    replace: 'if (plan.missing.length > 100) {',
    tests: host('sandbox/prepare.test.ts'),
  },
  {
    protection: 'SBX-05 what is hidden is hidden in a folder that was given',
    file: host('sandbox/mounts.ts'),
    find: 'const inSight = hidden.filter(({ path }) => rootOf(path, bound) !== undefined);',
    replace: 'const inSight = hidden.filter(({ path }) => rootOf(path, bound) === undefined);',
    tests: host('sandbox/plan.test.ts'),
  },
  {
    protection: 'P1-10 a child gets no variable of the gateway but those on the list',
    file: host('environment.ts'),
    find: 'if (value !== undefined && allowed.has(same(name)) && !isShellFunction(value))',
    replace: "if (value !== undefined && (allowed.has(same(name)) || name !== '') && !isShellFunction(value))",
    tests: host('environment.test.ts'),
  },
  {
    protection: 'P1-21 a program is not searched in the working folder',
    file: host('command.ts'),
    find: 'if (paths.isAbsolute(entry) && (await real(entry)) !== here) folders.push(entry);',
    replace: 'if (paths.isAbsolute(entry) && here.length > 0) folders.push(entry);',
    tests: host('command.test.ts'),
  },
];

const proof: readonly Removal[] = [
  {
    protection: 'P4-14 a seal of the trail is genuine',
    file: gateway('audit/verify.ts'),
    find: 'if (!isSealed(parsed, this.files.chain, this.#keys.mac)) {',
    replace: "if (parsed.mac === '') {",
    tests: gateway('audit/verify.test.ts'),
  },
  {
    protection: 'P4-14 what no seal covers is missed',
    file: gateway('audit/verify.ts'),
    find: 'if (this.#sealed < this.seq && this.records > 0 && !this.files.isOpen) {',
    replace: 'if (this.#sealed < 0) {',
    tests: gateway('audit/verify.test.ts'),
  },
  {
    protection: 'ADM-01 a page of the web finds no admin API',
    file: gateway('admin/access.ts'),
    find: 'if (isOfBrowser(request.headers)) return undefined;',
    replace: '',
    tests: 'test/security/admin.test.ts',
  },
  {
    protection: 'nothing starts in a state that was locked down',
    file: gateway('wiring/lockdown.ts'),
    find: 'if (!(await isLockedDown(stateDirectory))) return;',
    replace: "if (stateDirectory !== '') return;",
    tests: 'test/lockdown.test.ts',
  },
];

export const CONTENT: readonly Removal[] = [...content, ...servers, ...proof];
