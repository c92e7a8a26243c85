/** Does all of them, two at a time, until they are done or it is to stop; throws what the first one throws. */
export async function inTwoLanes<T>(
  items: readonly T[],
  act: (item: T) => Promise<void>,
  isOver: () => boolean = () => false,
): Promise<void> {
  const waiting = [...items];
  const lane = async () => {
    try {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
        if (isOver()) return;
        await act(item);
      }
    } finally {
      waiting.length = 0;
    }
  };
  // Both are waited for, also when one fails: else the other's server would be left behind.
  const lanes = await Promise.allSettled([lane(), lane()]);
  for (const outcome of lanes) if (outcome.status === "rejected") throw outcome.reason;
}
