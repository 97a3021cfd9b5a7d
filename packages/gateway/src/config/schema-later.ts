/**
 * The schema of root keys whose rooms are not built. They are known so that the JSON Schema is whole and a typing error in
 * them is not mistaken for an unknown key; `not-yet.ts` refuses every one of them, so nothing here reaches the gateway.
 */
import * as v from 'valibot';
import { integer, text } from './scalars.ts';
import { map, maybe, object } from './schema-parts.ts';

const anything = v.unknown();

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

/** Whole rooms of the root. */
export const laterRooms: Members<'interceptors' | 'tools'> = {
  interceptors: maybe(v.array(anything), 'Own steps in the route of a call.'),
  tools: maybe(map(text(), anything), 'Programs over the tools that are tools themselves.'),
};
