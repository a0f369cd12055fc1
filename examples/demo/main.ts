/** `npm run demo`: one market-data stream received twice; with `--hub` one stream sent to a thousand. `--help` lists the options. */
if (process.argv.includes('--hub')) await import('./hub/main.ts')
else await import('./feed-demo.ts')
