/** Make an element with a class, text and attributes. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  text = '',
  attributes: Record<string, string> = {}
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, value);
  }
  return node;
}

/** Set text only where it differs, so that streaming leaves the rest of the page alone. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) {
    node.textContent = text;
  }
  node.hidden = text === '';
}

/** Replace all children by elements of one kind. */
export function setList(node: HTMLElement, tag: 'li' | 'span', texts: string[]): void {
  const key = texts.join('\n');
  if (node.dataset.shown !== key) {
    node.dataset.shown = key;
    node.replaceChildren(...texts.map(text => element(tag, '', text)));
  }
  node.hidden = texts.length === 0;
}
