/**
 * Keeps many tasks under way at once, and no more than so many and so many bytes of them. `spread` resolves when all
 * are done, or when `isOver` says that no further one should begin and those under way have ended.
 */
export async function spread<Item>(
  items: Iterable<Item>,
  window: { readonly itemsMax: number; readonly bytesMax: number },
  bytesOf: (item: Item) => number,
  task: (item: Item) => Promise<void>,
  isOver: () => boolean = () => false,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  let bytesUnderWay = 0;
  for (const item of items) {
    while (underWay.size > 0 && (underWay.size >= window.itemsMax || bytesUnderWay >= window.bytesMax)) {
      await Promise.race(underWay);
    }
    if (isOver()) break;
    const bytes = bytesOf(item);
    bytesUnderWay += bytes;
    const running = task(item).finally(() => {
      bytesUnderWay -= bytes;
      underWay.delete(running);
    });
    underWay.add(running);
  }
  await Promise.all(underWay);
}
