/** The templates of the design documents, and the requirements checklist that every specification gets. The words are ours. */

export const RESEARCH_TEMPLATE = `# Research: [FEATURE]

## [What had to be decided]

**Decision**: [What was chosen]

**Rationale**: [Why]

**Alternatives considered**: [What else was looked at, and why it was left]
`;

export const DATA_MODEL_TEMPLATE = `# Data Model: [FEATURE]

## [Entity]

| Field | Type | Rules |
|-------|------|-------|
| id | string | unique |

**Relationships**: [To which entities, and how many]

**State transitions**: [From which state to which, and by what]
`;

export const QUICKSTART_TEMPLATE = `# Quickstart: [FEATURE]

## Prerequisites

- [What must be installed or running]

## Try it

1. [A step, and what one sees]

## Check the stories

- [User story 1: how it is shown to work]
`;

/** Sixteen items in three groups, those of spec-kit in our words; the first words are kept, for its tool ticks them too. */
export const REQUIREMENTS_CHECKLIST = `# Specification Quality Checklist: [FEATURE NAME]

**Purpose**: Is the specification whole and clear enough to plan by?
**Created**: [DATE]
**Feature**: [spec.md](../spec.md)

## Content Quality

- [ ] No implementation details (languages, frameworks, APIs)
- [ ] Focused on what users need and what it is worth to them
- [ ] Readable for people who do not program
- [ ] All mandatory sections completed

## Requirement Completeness

- [ ] No [NEEDS CLARIFICATION] markers remain
- [ ] Requirements can be tested and have one meaning
- [ ] Success criteria can be measured
- [ ] Success criteria name no technology
- [ ] All acceptance scenarios are defined
- [ ] Edge cases are identified
- [ ] Scope has a clear border
- [ ] Dependencies and assumptions are identified

## Feature Readiness

- [ ] Every functional requirement has acceptance criteria
- [ ] User scenarios cover the main ways through
- [ ] The feature reaches its measurable outcomes
- [ ] No implementation details leak into the specification

## Notes

- What is open is settled before \`/speckit.clarify\` or \`/speckit.plan\`.
`;
