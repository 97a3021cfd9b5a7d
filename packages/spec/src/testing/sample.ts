/** A small web service specified from end to end, written by hand in spec-kit's form: for tests. */

export const CONSTITUTION = `# Notes Constitution

## Core Principles

### I. Contract First

Every endpoint MUST be described in a contract before it is built.

### II. Tests First (NON-NEGOTIABLE)

Tests MUST be written before the code they test.

## Security

Every input MUST have a limit.

## Workflow

Changes are reviewed.

## Governance

Changes need a review and a version.

**Version**: 1.0.0 | **Ratified**: 2026-01-05 | **Last Amended**: 2026-01-05
`;

export const SPEC = `# Feature Specification: Note keeping

**Feature Branch**: \`001-note-keeping\`
**Created**: 2026-01-05
**Status**: Draft
**Input**: User description: "Keep short notes"

## User Scenarios & Testing *(mandatory)*

### User Story 1 - Write a note (Priority: P1)

A member writes a short note and finds it again.

**Why this priority**: Without it there is nothing to keep.

**Independent Test**: Write a note and read it back.

**Acceptance Scenarios**:

1. **Given** a member, **When** they write a note of 200 characters, **Then** it is stored and shown.
2. **Given** a member, **When** the note has more than 1000 characters, **Then** it is refused with a reason.

### User Story 2 - Search notes (Priority: P2)

A member finds notes by a word in them.

**Why this priority**: Notes that nobody finds are of no use.

**Independent Test**: Write two notes and search for a word of one.

**Acceptance Scenarios**:

1. **Given** two notes, **When** a word of one is searched, **Then** only that one is listed.

### Edge Cases

- What happens when two members write at once?

## Requirements *(mandatory)*

### Functional Requirements

- **FR-001**: Members MUST be able to store a note of at most 1000 characters.
- **FR-002**: Members MUST be able to read back a stored note.
- **FR-003**: Members MUST be able to search their notes by a word.

### Key Entities

- **Note**: A short text with its author and time.

## Success Criteria *(mandatory)*

### Measurable Outcomes

- **SC-001**: A stored note is found again within 2 seconds in 95 % of searches.

## Assumptions

- Members are known already.
`;

export const PLAN = `# Implementation Plan: Note keeping

**Branch**: \`001-note-keeping\` | **Date**: 2026-01-06 | **Spec**: [spec.md](spec.md)
**Input**: Feature specification from \`specs/001-note-keeping/spec.md\`

## Summary

A small HTTP service that stores notes and searches them.

## Technical Context

**Language/Version**: TypeScript 6 on Node 24
**Primary Dependencies**: none beyond Node
**Storage**: SQLite
**Testing**: vitest
**Target Platform**: Linux server
**Project Type**: web service
**Performance Goals**: 100 requests a second
**Constraints**: at most 100 MB of memory
**Scale/Scope**: 1000 members

## Constitution Check

*GATE: passed before research begins, and again after the design.*

- I. Contract First: PASS, contracts/openapi.yaml
- II. Tests First: PASS, test tasks stand before code

## Project Structure

### Documentation (this feature)

\`\`\`text
specs/001-note-keeping/
\`\`\`

### Source Code (repository root)

\`\`\`text
src/
tests/
\`\`\`

**Structure Decision**: One service in src/, its tests in tests/.

## Complexity Tracking

| Violation | Why Needed | Simpler Alternative Rejected Because |
|-----------|------------|--------------------------------------|
`;

export const RESEARCH = `# Research: Note keeping

## Storage

**Decision**: SQLite

**Rationale**: One process, little data.

**Alternatives considered**: PostgreSQL, more than is needed.
`;

export const DATA_MODEL = `# Data Model: Note keeping

## Note

| Field | Type | Rules |
|-------|------|-------|
| id | string | unique |
| text | string | 1 to 1000 characters |
| createdAt | datetime | set by the server |
`;

export const TASKS = `# Tasks: Note keeping

**Input**: Design documents from \`specs/001-note-keeping/\`
**Prerequisites**: plan.md, spec.md

## Phase 1: Setup (Shared Infrastructure)

- [ ] T001 Create the project in package.json
- [ ] T002 [P] Configure the formatter in .prettierrc

## Phase 2: Foundational (Blocking Prerequisites)

- [ ] T003 Open the database in src/database.ts

## Phase 3: User Story 1 - Write a note (Priority: P1)

- [ ] T004 [P] [US1] Test storing and reading a note in tests/notes.test.ts
- [ ] T005 [P] [US1] Create the Note model in src/note.ts
- [ ] T006 [US1] Store and read a note of at most 1000 characters (FR-001, FR-002) in src/notes.ts (depends on T004, T005)

## Phase 4: User Story 2 - Search notes (Priority: P2)

- [ ] T007 [P] [US2] Test the search of notes by a word in tests/search.test.ts
- [ ] T008 [US2] Search notes by a word within 2 seconds (FR-003, SC-001) in src/search.ts

## Phase 5: Polish & Cross-Cutting Concerns

- [ ] T009 Describe the service in docs/README.md
`;
