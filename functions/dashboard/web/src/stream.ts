// Server-sent events out of text. Pure, but for what it remembers between two answers: the last id and the pause.

export interface StreamEvent {
  name: string;
  data: string;
}

export class StreamReader {
  lastEventId: string | null = null;
  /** How long the server wants us to wait before we ask again. */
  retryMs = 3_000;

  /** The whole events of one answer; one that was cut off at its end is not taken. */
  read(text: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    const blocks = text.replaceAll('\r\n', '\n').split('\n\n');
    for (const block of blocks.slice(0, -1)) {
      const event = this.readBlock(block);
      if (event) events.push(event);
    }
    return events;
  }

  private readBlock(block: string): StreamEvent | null {
    let name = 'message';
    const data: string[] = [];
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'event') name = value;
      if (field === 'data') data.push(value);
      if (field === 'id') this.lastEventId = value;
      if (field === 'retry' && /^\d+$/.test(value)) this.retryMs = Math.max(Number(value), 500);
    }
    return data.length === 0 ? null : { name, data: data.join('\n') };
  }
}
