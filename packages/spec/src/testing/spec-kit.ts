/**
 * A project as spec-kit 1.0 leaves it, written by hand in its form with words of our own, with all that a stricter reader might
 * trip over. Its own tool cannot be run here.
 */
import { KIT_TEMPLATES } from './spec-kit-templates.ts';

export const CONSTITUTION = `<!--
Sync Impact Report
==================
Version change: 1.0.0 → 1.1.0
Modified principles: none
Added sections: Observability
Templates requiring updates:
- ✅ .specify/templates/plan-template.md
-->

# Ledger Constitution

## Core Principles

### I. Library-First
Every capability begins as a library that stands alone. It MUST have tests of its own.

### II. Test-First (NON-NEGOTIABLE)
- Tests MUST be written before the code.
- A test that never failed proves nothing.

## Observability
Every failure MUST leave one line in the log.

## Development Workflow
Each change is reviewed by one other person.

## Governance
This text goes before habits. Amendments need a review and a version.

**Version**: 1.1.0 | **Ratified**: 2025-11-03 | **Last Amended**: 2025-12-01
`;

export const SPEC = `# Feature Specification: Expense reports

**Feature Branch**: \`003-expense-reports\`

**Created**: 2026-01-04

**Status**: Draft

**Input**: User description: "Staff hand in expenses and get them back"

## Clarifications

### Session 2026-01-05

- Q: Who approves? → A: The head of the cost centre
- Q: Which currencies? → A: Euro only [for now]

## User Scenarios & Testing *(mandatory)*

### User Story 1 - Hand in an expense (Priority: P1) 🎯 MVP

Somebody photographs a receipt and hands it in.

**Why this priority**: Nothing else has anything to work on without it.

**Independent Test**: Hand in one receipt and see it listed.

**Acceptance Scenarios**:

1. **Given** a member of staff with a receipt, **When** they hand it in with an amount,
   **Then** it is listed as "open".
2. **Given** an amount of 0, **When** it is handed in, **Then** it is refused with the reason.

---

### User Story 2 – Approve an expense (Priority: P2)

The head of a cost centre looks at what is open and decides.

**Why this priority**: Money moves only after it.

**Independent Test**: Approve one expense and refuse another.

**Acceptance Scenarios**:

1. **Given** an open expense, **When** the head approves it, **Then** it is listed as "approved".

---

### Edge Cases

- What happens when the same receipt is handed in twice?
- How does the system handle an approver who left?

## Requirements *(mandatory)*

### Functional Requirements

- **FR-001**: Staff MUST be able to hand in an expense of at most 5,000 euro with one receipt.
- **FR-002**: The system MUST refuse a receipt that was handed in before.
- **FR-003**: Heads of cost centres MUST be able to approve or refuse an open expense:
  - with a reason of at most 200 characters
  - once only

### Key Entities *(include if feature involves data)*

- **Expense**: What somebody paid; has an amount, a day, a receipt and a state.
- **Cost centre**: Who pays it in the end.

## Success Criteria *(mandatory)*

### Measurable Outcomes

- **SC-001**: Handing in an expense takes less than 2 minutes for 90% of staff.

## Assumptions

- Staff are signed in already.
`;

export const PLAN = `# Implementation Plan: Expense reports

**Branch**: \`003-expense-reports\` | **Date**: 2026-01-06 | **Spec**: [spec.md](./spec.md)
**Input**: Feature specification from \`/specs/003-expense-reports/spec.md\`

**Note**: Filled in by the plan command.

## Summary

A web service with a small page: staff hand in, heads decide.

## Technical Context

**Language/Version**: Python 3.13  
**Primary Dependencies**: FastAPI, Pydantic  
**Storage**: PostgreSQL 17  
**Testing**: pytest  
**Target Platform**: Linux server
**Project Type**: web-service  
**Performance Goals**: 50 requests a second  
**Constraints**: p95 under 300 ms  
**Scale/Scope**: 400 staff, 12 cost centres

## Constitution Check

*GATE: Must pass before Phase 0 research. Re-check after Phase 1 design.*

GATES

## Project Structure

### Documentation (this feature)

\`\`\`text
specs/003-expense-reports/
├── plan.md              # This file
├── research.md
├── data-model.md
├── quickstart.md
├── contracts/
└── tasks.md
\`\`\`

### Source Code (repository root)

\`\`\`text
src/
├── expenses/
└── api/
tests/
├── contract/
└── unit/
\`\`\`

**Structure Decision**: One package per capability below src/, as principle I wants it.

## Complexity Tracking

> **Fill ONLY if Constitution Check has violations that must be justified**

| Violation | Why Needed | Simpler Alternative Rejected Because |
|-----------|------------|-------------------------------------|
`;

/** The forms in which gates are found in plans. */
export const GATES: Readonly<Record<string, string>> = {
  'a list': '- **I. Library-First**: PASS, src/expenses stands alone\n- **II. Test-First**: PASS',
  'a checklist':
    '- [x] I. Library-First: src/expenses stands alone\n- [X] II. Test-First (NON-NEGOTIABLE): tests come first',
  'a table':
    '| Principle | Status | Notes |\n|---|---|---|\n| I. Library-First | ✅ PASS | src/expenses |\n| II. Test-First | ✅ PASS | tests first |',
  paragraphs: '**I. Library-First**: ✅ src/expenses stands alone.\n\n**II. Test-First**: ✅ Tests come first.',
  headings:
    '### I. Library-First\n\n- ✅ PASS: src/expenses stands alone\n\n### II. Test-First (NON-NEGOTIABLE)\n\nPASS. Tests come first.',
};

export const RESEARCH = `# Research: Expense reports

## 1. Where receipts are kept

- **Decision**: On disk, named by their hash
- **Rationale**: FR-002 needs the hash anyway
- **Alternatives considered**: A bucket; the database

## 2. Amounts

**Decision**: Whole cents.
**Rationale**: No rounding.
**Alternatives considered**: Decimals.
`;

export const DATA_MODEL = `# Data Model: Expense reports

## Entities

### Expense

| Field | Type | Validation |
|-------|------|------------|
| id | UUID | primary key |
| amount_cents | integer | 1 to 500000 |
| receipt_hash | string | unique |
| state | enum | open, approved, refused |

**State transitions**: open → approved, open → refused

### Cost centre

- \`id\` (UUID): primary key
- \`head\` (string, optional): who decides

## Relationships

- An expense belongs to one cost centre
`;

export const QUICKSTART = `# Quickstart: Expense reports

## Run

\`\`\`bash
uvicorn api:app
\`\`\`

1. Hand in a receipt (US1)
2. Approve it (US2)
`;

export const TASKS = `---

description: "Task list for expense reports"
---

# Tasks: Expense reports

**Input**: Design documents from \`/specs/003-expense-reports/\`
**Prerequisites**: plan.md (required), spec.md (required for user stories), research.md, data-model.md, contracts/

**Tests**: Asked for by principle II.

**Organization**: Tasks are grouped by user story.

## Format: \`[ID] [P?] [Story] Description\`

- **[P]**: Can run in parallel (different files, no dependencies)
- **[Story]**: Which user story this task belongs to (e.g., US1, US2)
- Include exact file paths in descriptions

## Path Conventions

- **Single project**: \`src/\`, \`tests/\` at repository root

<!--
- [ ] T900 This is a sample and no task
-->

## Phase 1: Setup (Shared Infrastructure)

**Purpose**: What every story needs

- [x] T001 Create the folders of plan.md
- [X] T002 [P] Configure ruff in pyproject.toml

---

## Phase 2: Foundational (Blocking Prerequisites)

**Purpose**: The ground

⚠️ CRITICAL: No story begins before this phase is complete

- [ ] T003 Set up the schema in src/expenses/schema.sql
- [ ] T004 [P] Write the log line of a failure in src/api/log.py

**Checkpoint**: Foundation ready

---

## Phase 3: User Story 1 - Hand in an expense (Priority: P1) 🎯 MVP

**Goal**: Staff hand in

**Independent Test**: One receipt, handed in and listed

### Tests for User Story 1 (OPTIONAL - only if tests requested) ⚠️

> **NOTE: Write these tests FIRST, ensure they FAIL before implementation**

- [ ] T005 [P] [US1] Contract test for POST /expenses in tests/contract/test_expenses.py
- [ ] T006 [P] [US1] Test that a second receipt is refused (FR-002) in tests/unit/test_receipts.py

### Implementation for User Story 1

- [ ] T007 [P] [US1] Create the Expense model in src/expenses/models.py
- [ ] T008 [P] [US1] Create the Cost centre model in src/expenses/centres.py
- [ ] T009 [US1] Hand in an expense of at most 5,000 euro in src/expenses/service.py (depends on T007, T008)

**Checkpoint**: Story 1 works alone

---

## Phase 4: User Story 2 – Approve an expense (Priority: P2)

**Goal**: Heads decide

- [ ] T010 [P] [US2] Contract test for POST /expenses/{id}/decision in tests/contract/test_decisions.py
- [ ] T011 [US2] Approve or refuse an open expense once (FR-003) in src/expenses/decisions.py

---

## Phase N: Polish & Cross-Cutting Concerns

- [ ] T012 [P] Measure SC-001 and describe it in docs/measures.md

---

## Dependencies & Execution Order

### Phase Dependencies

- **Setup (Phase 1)**: No dependencies
- **Polish (Phase N)**: After all stories

### User Story Dependencies

- **User Story 1 (P1)**: After Phase 2

### Within Each User Story

- Tests before code

### Parallel Opportunities

- All tasks marked [P]

## Parallel Example: User Story 1

\`\`\`bash
# Launch the tests of story 1 together:
- [ ] T901 [P] [US1] This is an example and no task
Task: "Contract test for POST /expenses in tests/contract/test_expenses.py"
\`\`\`

## Implementation Strategy

### MVP First (User Story 1 Only)

1. Complete Phase 1: Setup
2. Complete Phase 2: Foundational

## Notes

- [P] tasks = different files, no dependencies
- [Story] label maps task to specific user story for traceability
`;

export const REQUIREMENTS = `# Specification Quality Checklist: Expense reports

**Purpose**: Validate the specification before planning
**Created**: 2026-01-04
**Feature**: [spec.md](../spec.md)

## Content Quality

- [x] No implementation details (languages, frameworks, APIs)
- [x] Focused on user value and business needs
- [x] Written for non-technical stakeholders
- [x] All mandatory sections completed

## Requirement Completeness

- [x] No [NEEDS CLARIFICATION] markers remain
- [x] Requirements are testable and unambiguous
- [x] Success criteria are measurable
- [x] Success criteria are technology-agnostic (no implementation details)
- [x] All acceptance scenarios are defined
- [x] Edge cases are identified
- [x] Scope is clearly bounded
- [x] Dependencies and assumptions identified

## Feature Readiness

- [x] All functional requirements have clear acceptance criteria
- [x] User scenarios cover primary flows
- [x] Feature meets measurable outcomes defined in Success Criteria
- [x] No implementation details leak into specification

## Notes

- Items marked incomplete require spec updates before \`/speckit.clarify\` or \`/speckit.plan\`
`;

const SECURITY_CHECKLIST = `# Security Checklist: Expense reports

**Purpose**: Are the requirements about misuse whole?
**Created**: 2026-01-06
**Feature**: [spec.md](../spec.md)

**Note**: Made by the checklist command.

## Requirement Completeness

- [x] CHK001 - Are limits stated for every amount? [Completeness, Spec §FR-001]
- [ ] CHK002 Is it stated what becomes of a receipt that was refused? [Gap]

## Notes

- Check items off as completed: \`[x]\`
`;

const AT = 'specs/003-expense-reports';

/** The feature's files by their path in the project. */
export const FEATURE_FILES: Readonly<Record<string, string>> = {
  [`${AT}/spec.md`]: SPEC,
  [`${AT}/plan.md`]: PLAN.replace('GATES', GATES['a table'] ?? ''),
  [`${AT}/research.md`]: RESEARCH,
  [`${AT}/data-model.md`]: DATA_MODEL,
  [`${AT}/quickstart.md`]: QUICKSTART,
  [`${AT}/tasks.md`]: TASKS,
  [`${AT}/checklists/requirements.md`]: REQUIREMENTS,
  [`${AT}/checklists/security.md`]: SECURITY_CHECKLIST,
  [`${AT}/contracts/api.yaml`]: 'openapi: 3.1.0\ninfo: { title: Expenses, version: 1.0.0 }\npaths: {}\n',
};

/** What its own tool sets up in `.specify`. */
export const SETUP_FILES: Readonly<Record<string, string>> = {
  '.specify/memory/constitution.md': CONSTITUTION,
  '.specify/feature.json': `{\n  "feature_directory": "${AT}"\n}\n`,
  '.specify/init-options.json':
    '{"ai":"claude","script":"sh","feature_numbering":"sequential","speckit_version":"1.0.1"}\n',
  ...KIT_TEMPLATES,
  '.specify/extensions.yml':
    'installed: [git]\nsettings: {auto_execute_hooks: true}\nhooks:\n  before_specify:\n    - {extension: git, command: speckit.git.feature, optional: false, enabled: true}\n',
};
