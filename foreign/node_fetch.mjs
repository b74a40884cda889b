// Node's fetch, as people write it: asks once, and says on stderr what went wrong.
const [url] = process.argv.slice(2);
try {
  const response = await fetch(`${url}/items`, { signal: AbortSignal.timeout(3000) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const answer = await response.json();
  if (!answer.items?.length || answer.items[0].price === undefined) throw new Error("no items with a price");
} catch (error) {
  console.error(`${error.name}: ${error.cause?.code ?? error.message}`);
  process.exit(1);
}
