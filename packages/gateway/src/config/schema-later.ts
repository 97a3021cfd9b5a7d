/**
 * The schema of root keys whose rooms are not built. They are known so that the JSON Schema is whole and a typing error in
 * them is not mistaken for an unknown key; `not-yet.ts` refuses every one of them, so nothing here reaches the gateway.
 */
import * as v from 'valibot';
import { integer, oneOf, text, texts } from './scalars.ts';
import { map, maybe, object } from './schema-parts.ts';

const mode = oneOf('auto', 'full', 'groups', 'search', 'code');
const anything = v.unknown();

/** Members of an object whose values nobody reads yet. */
type Members<Key extends string> = Readonly<Record<Key, v.OptionalSchema<v.GenericSchema, undefined>>>;

/** `discovery`, also inside a view: a mode, or an object. */
export const discoverySchema: v.GenericSchema = v.union([
  mode,
  object({
    mode: maybe(mode),
    budget: maybe(integer(0), 'Tokens the full catalogue may cost in mode auto.'),
    always: maybe(texts(), 'Tools that are shown in every mode.'),
    embeddings: maybe(map(v.string(), anything), 'An endpoint that ranks by meaning.'),
    resultBudget: maybe(integer(0), 'Tokens a result may cost.'),
  }),
]);

/** Parts of `listen` beyond one process. */
export const laterListen: Members<'workers'> = {
  workers: maybe(integer(1), 'Processes that share the listener.'),
};

/** Parts of `telemetry` beyond log and metrics. */
export const laterTelemetry: Members<'traces'> = {
  traces: maybe(object({ endpoint: maybe(text()) }), 'OpenTelemetry.'),
};

/** Whole rooms of the root. */
export const laterRooms: Members<'privacy' | 'interceptors' | 'alerts' | 'security' | 'profile'> = {
  privacy: maybe(
    object({
      identities: maybe(oneOf('plain', 'pseudonym')),
      addresses: maybe(oneOf('full', 'truncated', 'none')),
    }),
    'What records say of people.',
  ),
  interceptors: maybe(v.array(anything), 'Own steps in the route of a call.'),
  alerts: maybe(v.array(anything), 'Who is told when something happens.'),
  security: maybe(object({ contact: maybe(text()), policy: maybe(text()) }), 'security.txt.'),
  profile: maybe(oneOf('hardened'), 'A set of stricter defaults.'),
};
