import { describe, expect, it } from 'vitest';
import { atLeast, eraOf, isSessionRevision, isStatelessRevision, LATEST_SESSION, LATEST_STATELESS, negotiateSession, SESSION_REVISIONS, STATELESS_REVISIONS, } from './revisions.ts';
describe('revisions', () => {
    it('are five, in two eras, oldest first', () => {
        const all = [...SESSION_REVISIONS, ...STATELESS_REVISIONS];
        expect(all).toEqual(all.toSorted());
        expect(all.map(eraOf)).toEqual(['session', 'session', 'session', 'session', 'stateless']);
        expect([SESSION_REVISIONS.at(-1), STATELESS_REVISIONS.at(-1)]).toEqual([LATEST_SESSION, LATEST_STATELESS]);
    });
    it('are known exactly', () => {
        for (const value of ['2025-11-26', '', 'constructor', null, 2025, ['2025-11-25'], { length: 1 }]) {
            expect([isSessionRevision(value), isStatelessRevision(value)]).toEqual([false, false]);
            expect(negotiateSession(value)).toBe(LATEST_SESSION);
        }
        expect(SESSION_REVISIONS.map(negotiateSession)).toEqual([...SESSION_REVISIONS]);
        expect(negotiateSession(LATEST_STATELESS)).toBe(LATEST_SESSION);
    });
    it('are ordered by date', () => {
        expect(atLeast('2025-06-18', '2025-06-18')).toBe(true);
        expect(atLeast('2025-03-26', '2025-06-18')).toBe(false);
        expect(atLeast('2026-07-28', '2025-11-25')).toBe(true);
    });
});
