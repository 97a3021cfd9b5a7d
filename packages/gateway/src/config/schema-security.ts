/** The schema of `security`: what `/.well-known/security.txt` says (RFC 9116). */
import * as v from 'valibot';
import { maybe, object, present, preset } from './schema-parts.ts';
import { httpUrlOf } from './schema-values.ts';
import type { SecurityConfig } from './types.ts';

const contactText =
  'expected a URI such as mailto:security@acme.test, https://acme.test/report or tel:+1-201-555-0123 (RFC 9116)';

const contact = v.pipe(
  v.string(contactText),
  v.check((value) => isContact(value), contactText),
);

/** Printable ASCII alone: each stands in a line of its own, which nothing may end early. */
function isContact(value: string): boolean {
  if (!/^[!-~]{1,500}$/.test(value) || value.includes('${')) return false;
  if (/^mailto:[^@]+@[^@]+$/i.test(value) || /^tel:\+?[\d().-]+$/i.test(value)) return true;
  return httpUrlOf(value)?.protocol === 'https:';
}

const policyText = 'expected an https URL';

export const securitySchema: v.GenericSchema<unknown, SecurityConfig> = preset(
  v.pipe(
    object({
      contact: maybe(
        v.union([contact, v.pipe(v.array(contact), v.minLength(1, contactText), v.maxLength(10))], contactText),
        'Where holes are reported: a URI or several, the best first. With it, /.well-known/security.txt is served.',
      ),
      policy: maybe(
        v.pipe(
          v.string(policyText),
          v.check((value) => /^https:[!-~]+$/i.test(value) && isContact(value), policyText),
        ),
        'The page with the rules for reports.',
      ),
    }),
    v.check(
      ({ contact: written, policy }) => written !== undefined || policy === undefined,
      '`policy` needs `contact`: without one there is no security.txt (RFC 9116 §2.5.3)',
    ),
    v.transform(({ contact: written, policy }): SecurityConfig => {
      const contacts = written === undefined ? [] : typeof written === 'string' ? [written] : written;
      return present({ contact: contacts, policy });
    }),
  ),
  {},
  'What security.txt says.',
);
