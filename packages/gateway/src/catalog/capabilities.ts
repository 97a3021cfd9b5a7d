/** What is declared to clients: the union of what the servers can, as far as the configuration lets it through. */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { OfferRules } from './offer.ts';

/** What every gateway can do until its servers have said what they can. */
export const FULL_CAPABILITIES: JsonObject = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  logging: {},
  completions: {},
};

/** Both in one: what either side has, true where either says true. Of anything else the first counts. */
export function unionCapabilities(first: JsonObject, second: JsonObject): JsonObject {
  const union: JsonObject = { ...first };
  for (const [name, value] of Object.entries(second)) {
    union[name] = Object.hasOwn(first, name) ? either(first[name], value) : value;
  }
  return union;
}

function either(a: JsonValue | undefined, b: JsonValue | undefined): JsonValue | undefined {
  if (isObject(a) && isObject(b)) return unionCapabilities(a, b);
  return a === false || a === undefined ? b : a;
}

/** A server's capabilities without the features that are switched off; changes of lists are reported by the gateway itself. */
export function offeredCapabilities(capabilities: JsonObject, { features }: OfferRules): JsonObject {
  const offered = { ...capabilities };
  for (const feature of ['tools', 'prompts', 'resources'] as const) {
    const declared = offered[feature];
    if (declared === undefined) continue;
    if (features[feature]) offered[feature] = { ...(isObject(declared) ? declared : {}), listChanged: true };
    else delete offered[feature];
  }
  return offered;
}
