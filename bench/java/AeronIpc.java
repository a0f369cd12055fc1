import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.logbuffer.FragmentHandler;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Aeron IPC between two threads that spin, as its own samples use it: numbered messages one way, or there and back.
 * Arguments: kind (throughput, latency), bytes of a message, milliseconds of warming up and of measuring, directory.
 * Prints one line of JSON.
 */
public final class AeronIpc {
  private static final String CHANNEL = "aeron:ipc?term-length=16m";
  private static final int FRAGMENTS = 256;

  private static void send(ExclusivePublication publication, UnsafeBuffer message, int bytes, AtomicBoolean running) {
    while (publication.offer(message, 0, bytes) < 0 && running.get()) {
      Thread.onSpinWait();
    }
  }

  private static void check(long number, long expected) {
    if (number != expected) throw new IllegalStateException("message " + number + " instead of " + expected);
  }

  public static void main(String[] args) throws Exception {
    final boolean latency = args[0].equals("latency");
    final int bytes = Integer.parseInt(args[1]);
    final long warm = Long.parseLong(args[2]) * 1_000_000;
    final long measure = Long.parseLong(args[3]) * 1_000_000;
    final MediaDriver.Context context =
        new MediaDriver.Context()
            .aeronDirectoryName(args[4])
            .dirDeleteOnStart(true)
            .dirDeleteOnShutdown(true)
            // It is not in the way of the data; with two CPUs it must not spin beside those who are.
            .threadingMode(ThreadingMode.SHARED)
            .sharedIdleStrategy(new BackoffIdleStrategy(1, 1, 1_000_000, 10_000_000));
    try (MediaDriver driver = MediaDriver.launch(context);
        Aeron aeron = Aeron.connect(new Aeron.Context().aeronDirectoryName(args[4]));
        Subscription there = aeron.addSubscription(CHANNEL, 1);
        Subscription back = aeron.addSubscription(CHANNEL, 2);
        ExclusivePublication out = aeron.addExclusivePublication(CHANNEL, 1);
        ExclusivePublication home = aeron.addExclusivePublication(CHANNEL, 2)) {
      while (!out.isConnected() || !home.isConnected()) Thread.sleep(1);
      if (latency) latency(there, back, out, home, bytes, warm, measure);
      else throughput(there, out, bytes, warm, measure);
    }
  }

  private static void throughput(Subscription there, ExclusivePublication out, int bytes, long warm, long measure)
      throws InterruptedException {
    final AtomicBoolean running = new AtomicBoolean(true);
    final AtomicLong received = new AtomicLong();
    final Thread sender =
        new Thread(
            () -> {
              final UnsafeBuffer message = new UnsafeBuffer(new byte[bytes]);
              for (long n = 0; running.get(); n++) {
                message.putLong(0, n);
                send(out, message, bytes, running);
              }
            });
    final Thread receiver =
        new Thread(
            () -> {
              final long[] next = {0};
              final FragmentHandler take =
                  (buffer, offset, length, header) -> check(buffer.getLong(offset), next[0]++);
              while (running.get()) {
                if (there.poll(take, FRAGMENTS) == 0) Thread.onSpinWait();
                received.lazySet(next[0]);
              }
            });
    sender.start();
    receiver.start();
    Thread.sleep(warm / 1_000_000);
    final long start = System.nanoTime();
    final long before = received.get();
    Thread.sleep(measure / 1_000_000);
    final long count = received.get() - before;
    final long took = System.nanoTime() - start;
    running.set(false);
    sender.join();
    receiver.join();
    System.out.printf("{\"messagesPerSecond\":%.0f}%n", count * 1e9 / took);
  }

  private static void latency(
      Subscription there,
      Subscription back,
      ExclusivePublication out,
      ExclusivePublication home,
      int bytes,
      long warm,
      long measure)
      throws InterruptedException {
    final AtomicBoolean running = new AtomicBoolean(true);
    final Thread echo =
        new Thread(
            () -> {
              final UnsafeBuffer answer = new UnsafeBuffer(new byte[bytes]);
              final FragmentHandler reply =
                  (buffer, offset, length, header) -> {
                    answer.putBytes(0, buffer, offset, length);
                    send(home, answer, length, running);
                  };
              while (running.get()) if (there.poll(reply, 1) == 0) Thread.onSpinWait();
            });
    echo.start();
    final UnsafeBuffer message = new UnsafeBuffer(new byte[bytes]);
    final long[] samples = new long[20_000_000];
    int count = 0;
    final long[] got = {-1};
    final FragmentHandler take = (buffer, offset, length, header) -> got[0] = buffer.getLong(offset);
    final long begin = System.nanoTime();
    for (long n = 0; ; n++) {
      final long start = System.nanoTime();
      message.putLong(0, n);
      send(out, message, bytes, running);
      while (back.poll(take, 1) == 0) Thread.onSpinWait();
      final long now = System.nanoTime();
      check(got[0], n);
      if (now - begin >= warm && count < samples.length) samples[count++] = (now - start) / 2;
      if (now - begin >= warm + measure) break;
    }
    running.set(false);
    echo.join();
    final long[] sorted = Arrays.copyOf(samples, count);
    Arrays.sort(sorted);
    System.out.printf(
        "{\"p50\":%d,\"p99\":%d,\"count\":%d}%n", sorted[count / 2], sorted[(int) (count * 0.99)], count);
  }
}
