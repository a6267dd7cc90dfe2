// The search box: words and qualifiers, with suggestions while one types. Enter turns what was typed into chips.
import { useId, useRef, useState } from 'preact/hooks';
import { useShortcut } from '../keyboard.ts';
import { Icon } from '../ui/Icon.tsx';
import { chipsOf, type Filters, MOST_CHARACTERS, suggestionsFor, type Vocabulary, withTyped } from './search.ts';

interface Props {
  filters: Filters;
  vocabulary: Vocabulary;
  onApply: (filters: Filters) => void;
}

export function SearchBox({ filters, vocabulary, onApply }: Props) {
  const [typed, setTyped] = useState('');
  const [isOpen, setOpen] = useState(false);
  const [chosen, setChosen] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  useShortcut('/', () => input.current?.focus());

  const suggestions = isOpen ? suggestionsFor(typed, vocabulary) : [];
  const change = (text: string) => {
    setTyped(text);
    setChosen(-1);
    setOpen(true);
  };
  const apply = () => {
    if (typed.trim() === '') return;
    onApply(withTyped(filters, typed));
    setTyped('');
    setOpen(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const suggestion = suggestions[chosen];
    if (event.key === 'ArrowDown') setChosen(Math.min(chosen + 1, suggestions.length - 1));
    else if (event.key === 'ArrowUp') setChosen(Math.max(chosen - 1, -1));
    else if ((event.key === 'Enter' || event.key === 'Tab') && suggestion) change(suggestion.text);
    else if (event.key === 'Enter') apply();
    else if (event.key === 'Backspace' && typed === '') {
      const last = chipsOf(filters).at(-1);
      if (last) onApply(last.without);
      return;
    } else if (event.key === 'Escape' && isOpen && suggestions.length > 0) setOpen(false);
    else if (event.key === 'Escape') input.current?.blur();
    else return;
    event.preventDefault();
    if (event.key === 'ArrowDown') setOpen(true);
  };

  return (
    <div class="search" role="search">
      <Icon name="search" />
      <input
        ref={input}
        type="text"
        role="combobox"
        aria-label="Search jobs"
        aria-expanded={suggestions.length > 0}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={chosen >= 0 ? `${listId}-${chosen}` : undefined}
        placeholder="Search: INV-0006, status:failed…"
        autocomplete="off"
        spellcheck={false}
        maxLength={MOST_CHARACTERS}
        value={typed}
        onInput={(event) => change(event.currentTarget.value)}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <kbd aria-hidden="true">/</kbd>
      <ul id={listId} role="listbox" aria-label="Suggestions" class="suggestions" hidden={suggestions.length === 0}>
        {suggestions.map((suggestion, index) => (
          <li
            key={suggestion.text}
            id={`${listId}-${index}`}
            role="option"
            aria-selected={index === chosen}
            // Before the input loses the focus, which closes the list.
            onPointerDown={(event) => {
              event.preventDefault();
              change(suggestion.text);
            }}
          >
            <span>{suggestion.label}</span>
            <span class="muted">{suggestion.hint}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
