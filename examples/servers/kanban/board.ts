/** Boards, their columns and cards, in memory. Knows nothing of MCP; each change is told to who watches. */

export interface Card {
  readonly id: number;
  title: string;
  text: string;
  assignee: string | undefined;
  tags: string[];
  readonly comments: { readonly by: string; readonly text: string }[];
}

export interface Column {
  readonly id: number;
  name: string;
  readonly cards: Card[];
}

export interface Board {
  readonly id: number;
  name: string;
  readonly columns: Column[];
}

/** What is asked for is not there, or cannot be done. The message is for whoever asked. */
export class BoardError extends Error {
  override readonly name = 'BoardError';
}

const MAX_BOARDS = 100;
const MAX_CARDS = 10_000;

export class Boards {
  readonly #boards: Board[] = [];
  readonly #onChange: (board: Board, card?: Card) => void;
  #lastId = 0;

  constructor(onChange: (board: Board, card?: Card) => void) {
    this.#onChange = onChange;
  }

  get all(): readonly Board[] {
    return this.#boards;
  }

  board(id: number): Board {
    return existing(this.#boards, id, 'board');
  }

  column(id: number): { readonly board: Board; readonly column: Column } {
    for (const board of this.#boards) {
      const column = board.columns.find((each) => each.id === id);
      if (column !== undefined) return { board, column };
    }
    throw new BoardError(`There is no column ${id}.`);
  }

  card(id: number): { readonly board: Board; readonly column: Column; readonly card: Card } {
    for (const board of this.#boards) {
      for (const column of board.columns) {
        const card = column.cards.find((each) => each.id === id);
        if (card !== undefined) return { board, column, card };
      }
    }
    throw new BoardError(`There is no card ${id}.`);
  }

  addBoard(name: string, columns: readonly string[]): Board {
    if (this.#boards.length >= MAX_BOARDS) throw new BoardError(`There are ${MAX_BOARDS} boards already.`);
    const board = { id: this.#nextId(), name, columns: columns.map((each) => this.#newColumn(each)) };
    this.#boards.push(board);
    this.#onChange(board);
    return board;
  }

  addColumn(boardId: number, name: string): Column {
    const board = this.board(boardId);
    const column = this.#newColumn(name);
    board.columns.push(column);
    this.#onChange(board);
    return column;
  }

  addCard(columnId: number, title: string, text: string): Card {
    const { board, column } = this.column(columnId);
    const cards = this.#boards.flatMap((each) => each.columns).reduce((sum, each) => sum + each.cards.length, 0);
    if (cards >= MAX_CARDS) throw new BoardError(`There are ${MAX_CARDS} cards already.`);
    const card: Card = { id: this.#nextId(), title, text, assignee: undefined, tags: [], comments: [] };
    column.cards.push(card);
    this.#onChange(board, card);
    return card;
  }

  changeBoard(id: number, change: (board: Board) => void): Board {
    const board = this.board(id);
    change(board);
    this.#onChange(board);
    return board;
  }

  changeColumn(id: number, change: (column: Column) => void): Column {
    const { board, column } = this.column(id);
    change(column);
    this.#onChange(board);
    return column;
  }

  changeCard(id: number, change: (card: Card) => void): Card {
    const { board, card } = this.card(id);
    change(card);
    this.#onChange(board, card);
    return card;
  }

  /** `position` counts from 0; beyond the end is the end. */
  moveColumn(id: number, position: number): void {
    const { board, column } = this.column(id);
    board.columns.splice(board.columns.indexOf(column), 1);
    board.columns.splice(position, 0, column);
    this.#onChange(board);
  }

  moveCard(id: number, columnId: number, position: number): void {
    const from = this.card(id);
    const to = this.column(columnId);
    from.column.cards.splice(from.column.cards.indexOf(from.card), 1);
    to.column.cards.splice(position, 0, from.card);
    this.#onChange(to.board, from.card);
    if (to.board !== from.board) this.#onChange(from.board);
  }

  removeBoard(id: number): void {
    const board = this.board(id);
    this.#boards.splice(this.#boards.indexOf(board), 1);
    this.#onChange(board);
  }

  removeColumn(id: number): void {
    const { board, column } = this.column(id);
    if (column.cards.length > 0)
      throw new BoardError(`Column ${id} has ${column.cards.length} cards: move them first.`);
    board.columns.splice(board.columns.indexOf(column), 1);
    this.#onChange(board);
  }

  removeCard(id: number): void {
    const { board, card, column } = this.card(id);
    column.cards.splice(column.cards.indexOf(card), 1);
    this.#onChange(board, card);
  }

  #newColumn(name: string): Column {
    return { id: this.#nextId(), name, cards: [] };
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}

function existing<T extends { readonly id: number }>(list: readonly T[], id: number, what: string): T {
  const found = list.find((each) => each.id === id);
  if (found === undefined) throw new BoardError(`There is no ${what} ${id}.`);
  return found;
}
