import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Consumer;

/** What the program says: one JSON object a line. */
final class Events {
  private static final Gson JSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();

  static synchronized void emit(String event, Map<String, ?> more) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("ts", System.currentTimeMillis());
    line.put("event", event);
    line.putAll(more);
    System.out.println(JSON.toJson(line));
  }

  static void emitError(String event, Map<String, ?> more, Throwable error) {
    Map<String, Object> fields = new HashMap<>(more);
    fields.put("code", codeOf(error));
    fields.put("message", messageOf(error));
    emit(event, fields);
  }

  private static String messageOf(Throwable error) {
    return error.getCause() == null ? error.toString() : error + ": " + messageOf(error.getCause());
  }

  /** Runs a call of the library, and prints what it ended with if that is an error. */
  static void attempt(String call, Callable<Void> run) {
    try {
      run.call();
    } catch (Exception error) {
      emitError("error", Map.of("call", call), error);
    }
  }

  /** The number of the gRPC status behind an error, or null. */
  private static Integer codeOf(Throwable error) {
    for (Throwable each = error; each != null; each = each.getCause()) {
      if (each instanceof StatusRuntimeException status) return numberOf(status.getStatus());
      if (each instanceof StatusException status) return numberOf(status.getStatus());
    }
    return null;
  }

  private static int numberOf(Status status) {
    return status.getCode().value();
  }

  /** Hands on the lines of standard input, cut at tabulators, until it is closed. */
  static void eachLine(Consumer<String[]> consumer) throws IOException {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) consumer.accept(line.split("\t"));
  }

  private Events() {
  }
}
