/** The first answer that is as it should be: of several processes one may be behind another. */
export async function until<T>(asked: () => Promise<T>, good: (answer: T) => boolean = Boolean): Promise<T> {
  for (let answer = await asked(); ; answer = await asked()) {
    if (good(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
