// SPDX-License-Identifier: Apache-2.0

import org.elasticsearch.xcontent.NamedXContentRegistry;
import org.elasticsearch.xcontent.ParseField;
import org.elasticsearch.xcontent.XContentParserConfiguration;
import org.elasticsearch.xcontent.json.JsonXContent;
import org.elasticsearch.xpack.core.ilm.*;

import java.util.ArrayList;
import java.util.List;

/** Reads a lifecycle policy as Elasticsearch does, with its own programs, and ends with 1 and a reason if it would refuse it. */
public final class LifecycleCheck {
    private interface Parse {
        LifecycleAction parse(org.elasticsearch.xcontent.XContentParser parser) throws java.io.IOException;
    }

    private static void action(List<NamedXContentRegistry.Entry> list, String name, Parse parse) {
        list.add(new NamedXContentRegistry.Entry(LifecycleAction.class, new ParseField(name), parse::parse));
    }

    public static void main(String[] args) throws Exception {
        List<NamedXContentRegistry.Entry> list = new ArrayList<>();
        list.add(new NamedXContentRegistry.Entry(LifecycleType.class, new ParseField(TimeseriesLifecycleType.TYPE), p -> TimeseriesLifecycleType.INSTANCE));
        action(list, AllocateAction.NAME, AllocateAction::parse);
        action(list, DeleteAction.NAME, DeleteAction::parse);
        action(list, DownsampleAction.NAME, DownsampleAction::parse);
        action(list, ForceMergeAction.NAME, ForceMergeAction::parse);
        action(list, MigrateAction.NAME, MigrateAction::parse);
        action(list, ReadOnlyAction.NAME, ReadOnlyAction::parse);
        action(list, RolloverAction.NAME, RolloverAction::parse);
        action(list, SearchableSnapshotAction.NAME, SearchableSnapshotAction::parse);
        action(list, SetPriorityAction.NAME, SetPriorityAction::parse);
        action(list, ShrinkAction.NAME, ShrinkAction::parse);
        action(list, UnfollowAction.NAME, UnfollowAction::parse);
        action(list, WaitForSnapshotAction.NAME, WaitForSnapshotAction::parse);
        var config = XContentParserConfiguration.EMPTY.withRegistry(new NamedXContentRegistry(list));
        try (var parser = JsonXContent.jsonXContent.createParser(config, System.in)) {
            parser.nextToken(); // {
            parser.nextToken(); // "policy"
            parser.nextToken();
            LifecyclePolicy policy = LifecyclePolicy.parse(parser, "policy");
            policy.validate(); // as a request to _ilm/policy does
            String order = TimeseriesLifecycleType.validateMonotonicallyIncreasingPhaseTimings(policy.getPhases().values());
            if (order != null && order.isEmpty() == false) {
                throw new IllegalArgumentException(order); // Elasticsearch only warns
            }
            System.out.println(String.join(" ", policy.getPhases().keySet()));
        } catch (Exception e) {
            for (Throwable t = e; t != null; t = t.getCause()) {
                System.err.println(t.getMessage());
            }
            System.exit(1);
        }
    }
}
