/** Who goes first changes every round: the machine's mood must not favour one. */
export async function inRounds<Subject>(
  rounds: number,
  subjects: readonly Subject[],
  run: (subject: Subject, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++)
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) await run(subject, round);
}
