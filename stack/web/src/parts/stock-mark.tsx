/** Whether it is time for more of an item: in words, not by colour alone. */
export function StockMark({
  onHand,
  reorderPoint,
}: {
  readonly onHand: number;
  readonly reorderPoint: number;
}) {
  if (reorderPoint === 0 || onHand > reorderPoint) return null;
  return <span class={onHand === 0 ? 'mark out' : 'mark low'}>{onHand === 0 ? 'Out' : 'Low'}</span>;
}
