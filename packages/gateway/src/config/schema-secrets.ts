/**
 * The schema of `secrets`: where secrets live, and the commands behind `${exec:NAME}`. It takes effect while the file is read
 * (secrets.ts), so nothing of it reaches the gateway.
 */
import * as v from 'valibot';
import { oneOf, texts } from './scalars.ts';
import { map, maybe, object } from './schema-parts.ts';

const expectedCommand = 'a list: a program, then its arguments';

const command = v.pipe(
  v.array(v.string('expected text'), `expected ${expectedCommand}`),
  v.check((words) => (words[0] ?? '') !== '' && words.length <= 64, `expected ${expectedCommand}`),
);

const commandName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/, 'expected a letter or _ first, then letters, digits, _ . -'),
);

export const secretsSchema: v.GenericSchema = object({
  backend: maybe(
    oneOf('auto', 'keychain', 'file'),
    'Where secrets are kept; auto = the keychain of the system where one answers, else a file of the state.',
  ),
  exec: maybe(
    map(commandName, command, 'names, each with a command'),
    'Commands whose output is the value of `${exec:NAME}`; run without a shell when the file is read.',
  ),
  env: maybe(texts(), 'Names of variables that these commands get beyond those that tools for secrets know.'),
});
