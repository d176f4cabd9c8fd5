import { shortNumber } from '../measure';
import { element } from '../view/dom';

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 240;
const HEIGHT = 80;
const MARGIN = 8;

export interface IPlotPoint {
  value: number;
  /** A point that can be chosen says what it is. */
  label?: string;
  choose?: () => void;
}

/** A line over steps, its lowest and highest value beside it; points can be clicked, or chosen with Enter. */
export class Plot {
  readonly node = element('figure', 'jp-mlagent-Plot', '', { role: 'group' });

  constructor(label: string) {
    this.node.setAttribute('aria-label', label);
    this._svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    this._svg.setAttribute('preserveAspectRatio', 'none');
    this.node.append(this._high, this._svg, this._low);
    this.node.hidden = true;
  }

  /** Show these values from left to right; fewer than two are no line. */
  draw(points: readonly IPlotPoint[]): void {
    this.node.hidden = points.length < 2;
    if (this.node.hidden) {
      return;
    }
    const values = points.map(point => point.value);
    const low = Math.min(...values);
    const high = Math.max(...values);
    const at = (value: number, i: number): [number, number] => [
      MARGIN + (i * (WIDTH - 2 * MARGIN)) / (points.length - 1),
      HEIGHT - MARGIN - ((value - low) / (high - low || 1)) * (HEIGHT - 2 * MARGIN)
    ];
    this._high.textContent = shortNumber(high);
    this._low.textContent = shortNumber(low);
    const line = document.createElementNS(SVG, 'polyline');
    line.setAttribute('points', values.map((value, i) => at(value, i).join()).join(' '));
    const dots = points.flatMap((point, i) =>
      point.choose ? [dot(point, at(point.value, i))] : []
    );
    this._svg.replaceChildren(line, ...dots);
  }

  private _svg = document.createElementNS(SVG, 'svg');
  private _high = element('span', 'jp-mlagent-Plot-value');
  private _low = element('span', 'jp-mlagent-Plot-value');
}

function dot(point: IPlotPoint, [x, y]: [number, number]): SVGElement {
  const node = document.createElementNS(SVG, 'circle');
  const attributes = { cx: x, cy: y, r: 4, tabindex: 0, role: 'button' };
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, String(value));
  }
  node.setAttribute('aria-label', point.label ?? '');
  const title = document.createElementNS(SVG, 'title');
  title.textContent = point.label ?? '';
  node.append(title);
  node.addEventListener('click', () => point.choose!());
  node.addEventListener('keydown', event => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      point.choose!();
    }
  });
  return node;
}
