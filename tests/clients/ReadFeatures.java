import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.OffsetDateTime;

/** Reads features_enriched as a program would, prints the rows, then tries to write and prints what it is told. */
public final class ReadFeatures {
  public static void main(String[] args) throws SQLException {
    try (Connection connection = DriverManager.getConnection(args[0], args[1], System.getenv("PGPASSWORD"))) {
      String query = "SELECT region, \"timestamp\", production_mw, production_lag_1h, hour_of_day, is_weekend"
          + " FROM features_enriched WHERE region = ? ORDER BY \"timestamp\"";
      try (PreparedStatement statement = connection.prepareStatement(query)) {
        // The driver prepares a statement on the server, and reads values as binary, from the fifth time on.
        for (int time = 1; time <= 7; time++) {
          statement.setString(1, "DE");
          print(time, statement);
        }
      }
      try (Statement statement = connection.createStatement()) {
        statement.executeUpdate("DELETE FROM regions");
        System.out.println("written");
      } catch (SQLException refused) {
        System.out.println("refused " + refused.getMessage().replace('\n', ' '));
      }
    }
  }

  private static void print(int time, PreparedStatement statement) throws SQLException {
    try (ResultSet rows = statement.executeQuery()) {
      while (rows.next()) {
        System.out.println(String.join(" ", Integer.toString(time), rows.getString(1),
            rows.getObject(2, OffsetDateTime.class).toInstant().toString(), Double.toString(rows.getDouble(3)),
            String.valueOf(rows.getObject(4)), Integer.toString(rows.getInt(5)), Boolean.toString(rows.getBoolean(6))));
      }
    }
  }
}
