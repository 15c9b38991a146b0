import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';

export interface Series {
  readonly name: string;
  /** Null: nothing is drawn there. */
  readonly values: readonly (number | null)[];
  /** Steps: a value holds until the next one. */
  readonly shape: 'steps' | 'bars';
  /** A variable of the style sheet; without it, the accent. */
  readonly colour?: string;
}

interface ChartProps {
  /** What it shows, for those who do not see it. */
  readonly label: string;
  /** Seconds since 1970, ascending. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
}

const HEIGHT_PX = 180;

const [MINUTE, HOUR, DAY, YEAR] = [60, 3600, 86_400, 31_536_000];
const DATE = '\n{D} {MMM} {YYYY}';
/** What stands at the axis, from steps of a second up: the text, and a second line where the year, day or minute begins. */
const TIMES: uPlot.Axis.Values = [
  [YEAR, '{YYYY}', null, null, null, null, null, null, 1],
  [28 * DAY, '{MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [DAY, '{D} {MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [HOUR, '{HH}:00', DATE, null, '\n{D} {MMM}', null, null, null, 1],
  [MINUTE, '{HH}:{mm}', DATE, null, '\n{D} {MMM}', null, null, null, 1],
  [0.001, '{HH}:{mm}:{ss}', DATE, null, '\n{D} {MMM}', null, null, null, 1],
];

/** A chart over time. Its library comes when the first one is drawn; its colours are those of the style sheet. */
export function Chart({ label, times, series }: ChartProps) {
  const room = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = room.current;
    if (!element) return;
    let plot: uPlot | undefined;
    let wanted = true;
    const theme = matchMedia('(prefers-color-scheme: dark)');

    async function draw() {
      const { UPlot } = await import('./uplot');
      if (!wanted || !element) return;
      plot?.destroy();
      plot = new UPlot(
        optionsOf(UPlot, element, series),
        [times as number[], ...series.map(({ values }) => values as (number | null)[])],
        element,
      );
    }
    void draw();
    const observer = new ResizeObserver(() =>
      plot?.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    );
    observer.observe(element);
    theme.addEventListener('change', draw);
    return () => {
      wanted = false;
      observer.disconnect();
      theme.removeEventListener('change', draw);
      plot?.destroy();
    };
  }, [times.length, times.at(-2), series]);
  return <div ref={room} class="chart" role="img" aria-label={label} />;
}

function optionsOf(UPlot: typeof uPlot, element: HTMLElement, series: readonly Series[]): uPlot.Options {
  const style = getComputedStyle(element);
  // The canvas knows no light-dark(): a property that the browser has computed does.
  const colour = (name: string) => {
    element.style.setProperty('outline-color', `var(${name})`);
    const computed = style.outlineColor;
    element.style.removeProperty('outline-color');
    return computed;
  };
  const axis = {
    stroke: colour('--faint'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: `12px ${style.fontFamily}`,
  };
  const paths = { steps: UPlot.paths.stepped?.({ align: 1 }), bars: UPlot.paths.bars?.({ size: [0.6, 24] }) };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    cursor: { y: false, points: { size: 6 } },
    scales: { y: { range: (_plot, low, high) => [Math.min(0, low * 1.1), Math.max(high * 1.1, 1)] } },
    axes: [
      { ...axis, values: TIMES, space: 90 },
      { ...axis, size: 60 },
    ],
    series: [
      {},
      ...series.map(({ name, colour: own = '--accent', shape }) => ({
        label: name,
        stroke: colour(own),
        width: shape === 'bars' ? 0 : 1.5,
        points: { show: false },
        ...(paths[shape] && { paths: paths[shape] }),
        fill: colour(shape === 'steps' ? '--tint' : own),
      })),
    ],
  };
}
