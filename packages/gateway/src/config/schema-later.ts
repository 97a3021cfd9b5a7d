/**
 * The schema of root keys whose rooms are not built. They are known so that the JSON Schema is whole and a typing error in
 * them is not mistaken for an unknown key; `not-yet.ts` refuses every one of them, so nothing here reaches the gateway.
 */
import type * as v from 'valibot';
import { integer, text } from './scalars.ts';
import { maybe, object } from './schema-parts.ts';

/** Members of an object whose values nobody reads yet. */
type Members<Key extends string> = Readonly<Record<Key, v.OptionalSchema<v.GenericSchema, undefined>>>;

/** Parts of `listen` beyond one process. */
export const laterListen: Members<'workers'> = {
  workers: maybe(integer(1), 'Processes that share the listener.'),
};

/** Parts of `telemetry` beyond log and metrics. */
export const laterTelemetry: Members<'traces'> = {
  traces: maybe(object({ endpoint: maybe(text()) }), 'OpenTelemetry.'),
};
